//! A user's port of a guest. What is behind it is `tests/setup/guest/agent`.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Error, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// Seconds beyond those of a command until its answer counts as lost.
const GRACE: u32 = 60;

/// The request that an agent answers before it is asked.
const GREETING: u64 = 0;

/// Who waits for the answer to which request.
type Waiting = Arc<Mutex<HashMap<u64, Sender<Answer>>>>;

/// A user's commands.
pub(crate) struct Agent {
    requests: Mutex<(u64, UnixStream)>,
    waiting: Waiting,
    greeting: Mutex<Receiver<Answer>>,
}

/// What came of a command. The status is the shell's: 124 if it took too long, 128 and more for a signal.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Agent {
    /// Connects to a port as soon as the emulator has made it.
    pub(super) fn connect(port: &Path) -> Result<Self, Error> {
        let deadline = Instant::now() + Duration::from_secs(20);
        let requests = loop {
            match UnixStream::connect(port) {
                Ok(stream) => break stream,
                Err(error) if Instant::now() > deadline => return Err(error),
                Err(_) => thread::sleep(Duration::from_millis(20)),
            }
        };
        let answers = BufReader::new(requests.try_clone()?);
        let (sender, greeting) = channel();
        let waiting: Waiting = Arc::new(Mutex::new(HashMap::from([(GREETING, sender)])));
        let agent = Self {
            requests: Mutex::new((GREETING, requests)),
            waiting: Arc::clone(&waiting),
            greeting: Mutex::new(greeting),
        };
        thread::spawn(move || {
            for line in answers.lines().map_while(Result::ok) {
                let (id, answer) = parsed(&line).unwrap();
                // Nobody may wait any more.
                let _ = waiting.lock().unwrap().remove(&id).map(|sender| sender.send(answer));
            }
            waiting.lock().unwrap().clear();
        });
        Ok(agent)
    }

    /// Waits until the user is logged in. One who was before says so no more.
    pub(super) fn greeted(&self, patience: Duration) -> Option<Answer> {
        self.greeting.lock().unwrap().recv_timeout(patience).ok()
    }

    /// Runs a script of bash, for no longer than that. `None` if the machine has not answered in time, or is gone.
    pub(super) fn run(&self, seconds: u32, script: &str) -> Option<Answer> {
        let (sender, answer) = channel();
        {
            let mut requests = self.requests.lock().unwrap();
            requests.0 += 1;
            let id = requests.0;
            self.waiting.lock().unwrap().insert(id, sender);
            writeln!(requests.1, "{id} {seconds} .{}", BASE64_STANDARD.encode(script)).ok()?;
        }
        answer.recv_timeout(Duration::from_secs((seconds + GRACE).into())).ok()
    }
}

/// An answer's line: `ID STATUS .OUTPUT .ERRORS`, the texts in base64.
fn parsed(line: &str) -> Option<(u64, Answer)> {
    let mut words = line.split_whitespace();
    let (id, status) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let mut text = || {
        let bytes = BASE64_STANDARD.decode(words.next()?.strip_prefix('.')?).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    Some((id, Answer { status, stdout: text()?, stderr: text()? }))
}
