//! The one printer: data to stdout, talk to stderr.
//!
//! A reader that went away is no error (`| head` has what it wants); data that cannot be written is.

use std::io::{self, ErrorKind, IsTerminal as _, Write as _};

use crate::error::{Code, Error};

/// Whether a person reads stdout.
pub(super) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// A piece of data, as it is, at once.
pub(super) fn piece(text: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Error::new(Code::Internal, format!("stdout cannot be written to: {error}")))
        }
        _ => Ok(()),
    }
}

/// A line of data.
pub(super) fn line(text: &str) -> Result<(), Error> {
    piece(&format!("{text}\n"))
}

/// A line of talk. There is nowhere to say that it failed.
pub(super) fn talk(text: &str) {
    let _failed = writeln!(io::stderr().lock(), "{text}");
}
