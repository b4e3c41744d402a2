//! The one printer: data to stdout, talk to stderr. A reader that went away is no error.

use std::io::{self, IsTerminal as _, Write as _};

/// Whether a person reads stdout.
pub(super) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// A piece of data, as it is, at once.
pub(super) fn piece(text: &str) {
    let mut out = io::stdout().lock();
    // A closed pipe (`| head`) ends the reader, not us.
    let _closed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// A line of data.
pub(super) fn line(text: &str) {
    piece(&format!("{text}\n"));
}

/// A line of talk.
pub(super) fn talk(text: &str) {
    let _closed = writeln!(io::stderr().lock(), "{text}");
}
