//! What the tests share: the program, run to its end or left running.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use bedrock_emulator::Emulator;
use loom_proto::v1::loom_service_client::LoomServiceClient;
use loom_proto::v1::{GetConversationHistoryRequest, WeaveRequest, WeaveResponse};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tonic::Status;
use tonic::transport::Channel;

/// Longer than any run here takes on a busy machine; one that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// The model that is asked unless a test says otherwise.
pub(crate) const MODEL: &str = "anthropic.claude-sonnet-4-5-20250929-v1:0";

/// A machine with nothing on it but an empty directory.
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// Where the data goes; the program makes it.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.0.path().join("data")
    }

    /// Writes `looms.yaml`.
    pub(crate) fn configure(&self, yaml: &str) {
        std::fs::create_dir_all(self.data_dir()).unwrap();
        std::fs::write(self.data_dir().join("looms.yaml"), yaml).unwrap();
    }

    /// The program with these arguments, parted by spaces.
    pub(crate) fn looms(&self, arguments: &str) -> Program {
        let mut command = Command::new(env!("CARGO_BIN_EXE_looms"));
        command.env_clear().env("LOOM_DATA_DIR", self.data_dir()).current_dir(self.0.path());
        command.args(arguments.split_whitespace()).stdin(Stdio::null());
        Program(command)
    }

    /// The program with these arguments, told by its environment to use this emulator.
    pub(crate) fn looms_on(&self, up: &Emulator, arguments: &str) -> Program {
        self.looms(arguments)
            .env("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", up.url())
            .env("AWS_ACCESS_KEY_ID", up.access_key_id())
            .env("AWS_SECRET_ACCESS_KEY", up.secret_access_key())
    }
}

/// A command line that has not been run.
pub(crate) struct Program(Command);

impl Program {
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    /// One more argument, spaces and all.
    pub(crate) fn arg(mut self, argument: &str) -> Self {
        self.0.arg(argument);
        self
    }

    /// Runs it to its end.
    pub(crate) async fn run(mut self) -> Ended {
        self.0.kill_on_drop(true);
        let output = tokio::time::timeout(PATIENCE, self.0.output()).await.expect("the program ends").unwrap();
        output.into()
    }

    /// Starts it and leaves it running.
    pub(crate) fn start(mut self) -> Running {
        let mut child = self.0.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap()).lines();
        let err = BufReader::new(child.stderr.take().unwrap()).lines();
        Running { child, out, err }
    }

    /// Starts `serve` on ports that are free, and waits until it is ready.
    pub(crate) async fn serve(self) -> Serving {
        let mut running = self.arg("--port=0").arg("--http-port=0").start();
        let mut log = Vec::new();
        while !log.last().is_some_and(|line: &String| line.starts_with("INFO  Model: ")) {
            log.push(running.next_err().await);
        }
        Serving { running, log }
    }
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// `None` where a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Ended {
    /// The lines on stderr, of which there are this many.
    pub(crate) fn err_lines<const N: usize>(&self) -> [&str; N] {
        self.err.lines().collect::<Vec<_>>().try_into().unwrap_or_else(|_| panic!("not {N} lines: {self:?}"))
    }
}

/// A program that runs, and is killed when dropped.
pub(crate) struct Running {
    child: Child,
    out: Lines<BufReader<ChildStdout>>,
    err: Lines<BufReader<ChildStderr>>,
}

impl Running {
    pub(crate) async fn next_out(&mut self) -> String {
        let line = tokio::time::timeout(PATIENCE, self.out.next_line()).await.expect("a line on stdout");
        line.unwrap().expect("stdout goes on")
    }

    pub(crate) async fn next_err(&mut self) -> String {
        let line = tokio::time::timeout(PATIENCE, self.err.next_line()).await.expect("a line on stderr");
        line.unwrap().expect("stderr goes on")
    }

    /// Sends a signal by its name.
    pub(crate) async fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id().unwrap());
        assert!(Command::new("sh").args(["-c", &kill]).status().await.unwrap().success());
    }

    /// SIGKILL: no word, no tidying up.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Waits for the end; what was not read yet is told.
    pub(crate) async fn end(mut self) -> Ended {
        let (mut out, mut err) = (String::new(), String::new());
        let (out_rest, err_rest) = (self.out.get_mut(), self.err.get_mut());
        let ending = async {
            tokio::join!(self.child.wait(), out_rest.read_to_string(&mut out), err_rest.read_to_string(&mut err))
        };
        let (status, ..) = tokio::time::timeout(PATIENCE, ending).await.expect("the program ends");
        Ended { code: status.unwrap().code(), out, err }
    }
}

/// A server that said it is ready.
pub(crate) struct Serving {
    pub(crate) running: Running,
    /// What it said until then.
    pub(crate) log: Vec<String>,
}

impl Serving {
    /// The port that a line of the log names: `gRPC server` or `HTTP gateway`.
    pub(crate) fn port(&self, door: &str) -> u16 {
        let start = format!("INFO  {door} listening on :");
        let line = self.log.iter().find_map(|line| line.strip_prefix(&start)).unwrap();
        line.split(' ').next().unwrap().parse().unwrap()
    }

    async fn grpc(&self) -> LoomServiceClient<Channel> {
        LoomServiceClient::connect(format!("http://127.0.0.1:{}", self.port("gRPC server"))).await.unwrap()
    }

    pub(crate) async fn weave(&self, session: &str, query: &str) -> Result<WeaveResponse, Status> {
        let request =
            WeaveRequest { session_id: session.to_owned(), query: query.to_owned(), ..WeaveRequest::default() };
        self.grpc().await.weave(request).await.map(tonic::Response::into_inner)
    }

    /// What was said in a session.
    pub(crate) async fn history(&self, session: &str) -> Vec<String> {
        let asked = GetConversationHistoryRequest {
            session_id: session.to_owned(),
            ..GetConversationHistoryRequest::default()
        };
        let history = self.grpc().await.get_conversation_history(asked).await.unwrap().into_inner();
        history.messages.into_iter().map(|message| message.content).collect()
    }

    /// Asks it to stop, and waits for its end.
    pub(crate) async fn stop(self) -> Ended {
        self.running.signal("TERM").await;
        self.running.end().await
    }
}

/// Looks again and again until it is so, for as long as a test has patience.
pub(crate) async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let mut pace = tokio::time::interval(Duration::from_millis(5));
    let looking = async {
        while !is_so() {
            pace.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// Every file and directory below, with its permissions.
pub(crate) fn permissions(below: &Path) -> Vec<(PathBuf, bool, u32)> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut found = Vec::new();
    for entry in std::fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        let metadata = path.metadata().unwrap();
        found.push((path.clone(), metadata.is_dir(), metadata.permissions().mode() & 0o777));
        if metadata.is_dir() {
            found.extend(permissions(&path));
        }
    }
    found
}
