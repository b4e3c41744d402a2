//! A process of the bench: started, waited for until it listens, asked what it used, ended.
//!
//! What a process used is read from `/proc` (proc_pid_stat(5), proc_pid_status(5)).

use std::collections::VecDeque;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;

use super::{Bench, READY_WITHIN};
use crate::Result;

/// The unit of the times in `/proc/PID/stat`: Linux shows `USER_HZ`, which is 100 on every architecture of today.
const TICK: Duration = Duration::from_millis(10);

/// How much of a process's log is kept, to be shown if it fails.
const LOG_LINES: usize = 20;

/// A running process; it is killed when dropped.
pub(super) struct Process {
    child: Child,
    id: u32,
    /// Where it listens.
    pub(super) address: SocketAddr,
    log: Arc<Mutex<VecDeque<String>>>,
}

/// What a process takes of the machine's memory, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Memory {
    /// All that is resident, the program's text included.
    pub(super) resident: f64,
    /// What is its alone.
    pub(super) anonymous: f64,
}

impl Process {
    /// The upstream, with its flags.
    pub(super) async fn upstream(flags: &[(&str, u64)]) -> Result<Self> {
        let mut command = this_program("upstream")?;
        for (flag, value) in flags {
            command.arg(flag).arg(value.to_string());
        }
        Self::start(command).await
    }

    /// The bare proxy in front of an upstream.
    pub(super) async fn proxy(upstream: &Self) -> Result<Self> {
        let mut command = this_program("proxy")?;
        command.arg("--upstream").arg(upstream.address.to_string());
        Self::start(command).await
    }

    /// The server in front of an upstream, with its data in `data_dir`.
    pub(super) async fn server(bench: &Bench, upstream: &Self, data_dir: &Path) -> Result<Self> {
        let mut command = Command::new(&bench.looms);
        command
            .args(["serve", "--port", "0", "--http-port", "0", "--bedrock-region", super::wire::REGION])
            .arg("--bedrock-endpoint-url")
            .arg(format!("http://{}", upstream.address))
            // Nothing of the caller's own settings may reach it.
            .env_clear()
            .env("LOOM_DATA_DIR", data_dir)
            .env("LOOM_STORAGE_SQLITE_SYNCHRONOUS", "full")
            .env("AWS_ACCESS_KEY_ID", "AKIDBENCH")
            .env("AWS_SECRET_ACCESS_KEY", "a-secret-that-nobody-checks");
        Self::start(command).await
    }

    async fn start(mut command: Command) -> Result<Self> {
        let program = command.as_std().get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| format!("cannot start `{program}`: {error}"))?;
        let id = child.id().ok_or("a process ended as it began")?;
        let stderr = child.stderr.take().ok_or("a process without a log")?;
        let log = Arc::new(Mutex::new(VecDeque::new()));
        let mut lines = BufReader::new(stderr).lines();
        let Ok(address) = timeout(READY_WITHIN, listening(&mut lines, &log)).await else {
            return Err(format!("`{program}` does not listen:\n{}", text(&log)).into());
        };
        let address = address?.ok_or_else(|| format!("`{program}` ended before it listened:\n{}", text(&log)))?;
        let kept = Arc::clone(&log);
        // A log that nobody reads would stop the process once the pipe is full.
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                keep(&kept, line);
            }
        });
        Ok(Self { child, id, address, log })
    }

    /// The process id.
    pub(super) const fn id(&self) -> u32 {
        self.id
    }

    /// The latest lines of its log.
    pub(super) fn log(&self) -> String {
        text(&self.log)
    }

    /// CPU time so far: user and system, of all threads, those that ended included.
    pub(super) fn cpu(&self) -> Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id))?;
        cpu_of(&stat).ok_or_else(|| format!("`{stat}` is no line of /proc/PID/stat").into())
    }

    /// Memory now.
    pub(super) fn memory(&self) -> Result<Memory> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id))?;
        let bytes = |field| bytes_of(&status, field).ok_or_else(|| format!("no `{field}` in /proc/PID/status"));
        Ok(Memory { resident: bytes("VmRSS:")?, anonymous: bytes("RssAnon:")? })
    }

    /// Kills it and waits for its end.
    pub(super) async fn kill(mut self) -> Result {
        Ok(self.child.kill().await?)
    }
}

/// One of the bench's own processes.
fn this_program(role: &str) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bench", role]);
    Ok(command)
}

/// Says where a process of the bench's own listens, in the words of the server's log.
#[expect(clippy::print_stderr, reason = "the log of a process is its stderr")]
pub(super) fn announce(address: SocketAddr) {
    eprintln!("listening address={address}");
}

/// Reads up to the line that says where a process listens; `None` if it ends before.
async fn listening(
    lines: &mut Lines<BufReader<ChildStderr>>,
    log: &Mutex<VecDeque<String>>,
) -> Result<Option<SocketAddr>> {
    while let Some(line) = lines.next_line().await? {
        let address = line.split_once("listening").and_then(|(_, rest)| rest.split_once("address="));
        let address = address.and_then(|(_, address)| address.split_whitespace().next()?.parse().ok());
        keep(log, line);
        if address.is_some() {
            return Ok(address);
        }
    }
    Ok(None)
}

fn keep(log: &Mutex<VecDeque<String>>, line: String) {
    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
    if log.len() == LOG_LINES {
        log.pop_front();
    }
    log.push_back(line);
}

fn text(log: &Mutex<VecDeque<String>>) -> String {
    let log = log.lock().unwrap_or_else(PoisonError::into_inner);
    log.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
}

/// The fields `utime` and `stime`. The second field is the program's name, which may hold anything.
fn cpu_of(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11);
    let ticks: u32 = times.next()?.parse::<u32>().ok()? + times.next()?.parse::<u32>().ok()?;
    Some(TICK * ticks)
}

fn bytes_of(status: &str, field: &str) -> Option<f64> {
    let value = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kib: u32 = value.split_whitespace().next()?.parse().ok()?;
    Some(f64::from(kib) * 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_is_the_sum_of_both_times() {
        let stat = "77 (a) b) S 1 77 77 0 -1 4194560 1 2 3 4 150 25 9 9 20 0 4 0 1000 8192 300";
        assert_eq!(cpu_of(stat), Some(Duration::from_millis(1750)));
        assert_eq!(cpu_of("77 (looms"), None);
    }

    #[test]
    fn memory_is_read_in_kib() {
        let status = "Name:\tlooms\nVmRSS:\t   12 kB\nRssAnon:\t    8 kB\n";
        assert_eq!((bytes_of(status, "VmRSS:"), bytes_of(status, "RssAnon:")), (Some(12288.0), Some(8192.0)));
        assert_eq!(bytes_of(status, "VmSwap:"), None);
    }
}
