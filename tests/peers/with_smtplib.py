"""Sends a message with smtplib in one of several ways; a failed assertion is the exit code."""

import smtplib
import sys

case, port, message = sys.argv[1], int(sys.argv[2]), sys.argv[3].encode()
SENDER = "a@client.example"
GROUP = [f"group-{n}@example.org" for n in (1, 2, 3)]

with smtplib.SMTP("127.0.0.1", port, local_hostname="client.example", timeout=30) as client:
    if case == "plain":
        assert client.sendmail(SENDER, ["one@example.org"], message) == {}
    elif case == "eight_bit":
        assert client.sendmail(SENDER, ["one@example.org"], message, mail_options=["BODY=8BITMIME"]) == {}
    elif case == "smtputf8":
        options = ["SMTPUTF8", "BODY=8BITMIME"]
        assert client.sendmail("aä@client.example", ["jürgen@example.org"], message, mail_options=options) == {}
    elif case == "several":
        assert client.sendmail(SENDER, GROUP, message) == {}
    elif case == "refused":
        refused = client.sendmail(SENDER, ["one@example.org", "nobody@example.org"], message)
        assert {name: code for name, (code, _) in refused.items()} == {"nobody@example.org": 550}, refused
    elif case == "other_group":
        refused = client.sendmail(SENDER, ["one@example.org", "two@example.org"], message)
        assert {name: code for name, (code, _) in refused.items()} == {"two@example.org": 452}, refused
        assert client.sendmail(SENDER, list(refused), message) == {}
    else:
        sys.exit(f"unknown case {case}")
