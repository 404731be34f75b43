//! A conversation on paper, line by line as it happens; where times are asked for, with the time of each.
//!
//! `C:` is what the client says, `S:` what the server does, `***` neither.

use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::time::Duration;

use tokio::time::Instant;

use crate::client::smtp::{Line, Reply};
use crate::plan::shown;

/// Where a conversation is written to.
pub(super) struct Transcript<W> {
    out: W,
    failed: Option<io::Error>,
    watch: Option<Watch>,
}

/// When it began, and how long each step took.
struct Watch {
    start: Instant,
    last: Instant,
    steps: Vec<Step>,
}

/// What was waited for; several times, as RCPT is, it counts as one.
struct Step {
    name: &'static str,
    took: Duration,
    times: usize,
}

impl<W: Write> Transcript<W> {
    /// Without times.
    pub(super) fn new(out: W) -> Self {
        Self { out, failed: None, watch: None }
    }

    /// With the time before each line, since `start` or when the conversation [began](Self::begin).
    pub(super) fn timed(out: W, start: Instant) -> Self {
        Self { out, failed: None, watch: Some(Watch { start, last: start, steps: Vec::new() }) }
    }

    /// The conversation begins `now`: what it needs is at hand.
    pub(super) fn begin(&mut self, now: Instant) {
        if let Some(watch) = &mut self.watch {
            (watch.start, watch.last) = (now, now);
        }
    }

    /// What happens `now`.
    pub(super) fn write(&mut self, line: &Line<'_>, now: Instant) {
        if let Some(watch) = &mut self.watch {
            watch.see(line, now);
        }
        match line {
            Line::Connected(peer) => self.line(format_args!("*** connected to {peer}")),
            Line::Secured(session) => self.line(format_args!("*** {}", shown(session))),
            Line::Said(text) => self.line(format_args!("C: {}", shown(text))),
            Line::Sent if self.watch.is_some() => self.line(format_args!("*** all of it is on its way")),
            Line::Sent => {}
            Line::Heard(_, reply) => self.reply(reply),
        }
    }

    /// What is to be known besides.
    pub(super) fn note(&mut self, text: &str) {
        self.line(format_args!("*** {}", shown(text)));
    }

    /// It is over `now`: how long each step took, and all of them with what was waited for in vain.
    pub(super) fn times(&mut self, now: Instant) -> String {
        let Some(watch) = &mut self.watch else { return String::new() };
        watch.last = now;
        watch.told()
    }

    /// Whether all could be written. A reader who has gone has seen enough, and changes nothing about the verdict.
    pub(super) fn end(self) -> io::Result<()> {
        match self.failed {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }

    fn reply(&mut self, reply: &Reply) {
        let last = reply.lines.len().saturating_sub(1);
        for (at, line) in reply.lines.iter().enumerate() {
            let separator = if at == last { ' ' } else { '-' };
            self.line(format_args!("S: {}{separator}{}", reply.code, shown(line)));
        }
    }

    fn line(&mut self, text: fmt::Arguments<'_>) {
        let written = match &self.watch {
            Some(watch) => writeln!(self.out, "{:>10}  {text}", Millis(watch.last - watch.start).to_string()),
            None => writeln!(self.out, "{text}"),
        };
        if let Err(error) = written.and_then(|()| self.out.flush()) {
            self.failed.get_or_insert(error);
        }
    }
}

impl Watch {
    /// Each step ends by something that happens, and took the time since what happened before it.
    fn see(&mut self, line: &Line<'_>, now: Instant) {
        let took = now - std::mem::replace(&mut self.last, now);
        let name = match line {
            Line::Said(_) => return,
            Line::Connected(_) => "connect",
            Line::Secured(_) => "TLS",
            Line::Sent => "the message",
            Line::Heard("the message", _) => "the answer to it",
            Line::Heard(stage, _) => stage,
        };
        match self.steps.iter_mut().find(|step| step.name == name) {
            Some(step) => {
                step.took += took;
                step.times += 1;
            }
            None => self.steps.push(Step { name, took, times: 1 }),
        }
    }

    fn told(&self) -> String {
        let mut told = String::new();
        for Step { name, took, times } in &self.steps {
            let times = if *times > 1 { format!(" (of {times})") } else { String::new() };
            // Writing to a String does not fail.
            let _ = write!(told, "{name}{times} {}, ", Millis(*took));
        }
        format!("{told}in all {}", Millis(self.last - self.start))
    }
}

/// Milliseconds, to a tenth.
struct Millis(Duration);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} ms", self.0.as_secs_f64() * 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(code: u16, lines: &[&str]) -> Reply {
        Reply { code, lines: lines.iter().map(ToString::to_string).collect() }
    }

    fn play(mut transcript: Transcript<Vec<u8>>, start: Instant) -> (String, String) {
        let (hello, bye) = (reply(250, &["mx", "SIZE"]), reply(250, &["a\u{1b}"]));
        let lines = [
            (2, Line::Connected("192.0.2.1:25".parse().unwrap())),
            (3, Line::Said("EHLO a")),
            (7, Line::Heard("EHLO", &hello)),
            (7, Line::Secured("TLSv1_3")),
            (8, Line::Heard("EHLO", &hello)),
            (9, Line::Said("(a message)")),
            (1000, Line::Sent),
            (1500, Line::Heard("the message", &bye)),
        ];
        for (at, line) in lines {
            transcript.write(&line, start + Duration::from_millis(at));
        }
        transcript.note("done");
        (transcript.times(start + Duration::from_millis(1600)), String::from_utf8(transcript.out).unwrap())
    }

    #[test]
    fn without_times_it_is_what_was_said() {
        let (times, text) = play(Transcript::new(Vec::new()), Instant::now());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..4], ["*** connected to 192.0.2.1:25", "C: EHLO a", "S: 250-mx", "S: 250 SIZE"]);
        assert_eq!(lines[7..], ["C: (a message)", "S: 250 a\\u{1b}", "*** done"]);
        assert_eq!(times, "");
    }

    #[test]
    fn each_line_has_its_time_and_each_step_what_it_took() {
        let start = Instant::now();
        let (times, text) = play(Transcript::timed(Vec::new(), start), start);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "    2.0 ms  *** connected to 192.0.2.1:25");
        assert_eq!(lines[2], "    7.0 ms  S: 250-mx");
        assert_eq!(lines[8], " 1000.0 ms  *** all of it is on its way");
        assert_eq!(
            times,
            "connect 2.0 ms, EHLO (of 2) 5.0 ms, TLS 0.0 ms, the message 991.0 ms, the answer to it 500.0 ms, \
             in all 1600.0 ms"
        );
    }
}
