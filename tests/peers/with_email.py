"""Reads every notification of a folder with Python's email package: its parts are what RFC 6522 has them be,
without a defect. Prints what became of whom."""

import email
import email.policy
import pathlib
import sys


def blocks(part):
    """The groups of fields of the part for programs; of the international one Python reads only the first."""
    if part.get_content_type() == "message/delivery-status":
        return part.get_payload()
    text = part.as_bytes(policy=email.policy.SMTPUTF8).split(b"\r\n\r\n", 1)[1].decode()
    return [email.message_from_string(block, policy=email.policy.SMTPUTF8) for block in text.strip().split("\r\n\r\n")]


for file in sorted(pathlib.Path(sys.argv[1]).glob("*.eml")):
    message = email.message_from_bytes(file.read_bytes(), policy=email.policy.SMTPUTF8)
    assert message.get_content_type() == "multipart/report", message.get_content_type()
    assert message.get_param("report-type") == "delivery-status"
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["From"].addresses[0].addr_spec == "MAILER-DAEMON@mx1.example.net"
    text, status, returned = message.get_payload()
    for part in message.walk():
        assert not part.defects, (file.name, part.get_content_type(), part.defects)
    assert "could not be delivered" in text.get_content()
    kinds = {
        "text/rfc822-headers": lambda: returned.get_content(),
        "message/rfc822": lambda: returned.get_payload(0).as_string(),
        "message/global": lambda: returned.as_string(),
        "message/global-headers": lambda: returned.as_string(),
    }
    assert "Message-ID: <dinner@client.example>" in kinds[returned.get_content_type()]()
    general, *recipients = blocks(status)
    assert general["Reporting-MTA"] == "dns; mx1.example.net", general.items()
    assert general["Original-Envelope-Id"] == "QQ 314159"
    for recipient in recipients:
        print(f"{file.name}: {recipient['Final-Recipient']} {recipient['Action']} {recipient['Status']}")
