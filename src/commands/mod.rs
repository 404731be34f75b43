//! One file per subcommand: arguments in, text out, and how it ended.

pub mod check;
pub mod explain;

/// How a command ended, in the codes of sysexits.h.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// As asked.
    Ok,
    /// `EX_USAGE`: the arguments make no sense.
    Usage,
    /// `EX_DATAERR`: there is something wrong with the files.
    Data,
}

impl Exit {
    /// What the process exits with.
    pub fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Usage => 64,
            Self::Data => 65,
        }
    }
}
