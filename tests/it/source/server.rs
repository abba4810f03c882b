//! An HTTP server on the loopback that misbehaves as it is told.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A request that has come in.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Names in lower case, and values.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// The first byte of a `Range`.
    pub(crate) from: Option<usize>,
    /// How often this path was asked for before.
    pub(crate) before: usize,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| &**value)
    }
}

/// What to answer.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// The file, or the part of it that was asked for.
    File(Vec<u8>),
    /// The file, whatever part was asked for.
    Whole(Vec<u8>),
    /// As much of the file (or of the part), and the end of the connection.
    Cut(Vec<u8>, usize),
    /// As much of the file, and silence.
    Stall(Vec<u8>, usize),
    /// The file, announced with another length.
    Length(Vec<u8>, usize),
    /// Zeros without end.
    Endless,
    /// A status, headers and a body.
    Reply(u16, Vec<String>, Vec<u8>),
    /// A status, with headers such as `Retry-After: 1`.
    Status(u16, Vec<String>),
}

impl Answer {
    pub(crate) fn redirect(to: impl Into<String>) -> Self {
        Self::Status(302, vec![format!("Location: {}", to.into())])
    }
}

type Handler = dyn Fn(&Asked) -> Answer + Send + Sync;

/// A running server. Dropped, it takes no more connections.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    counts: Arc<Mutex<HashMap<String, usize>>>,
}

impl Server {
    pub(crate) fn start(handler: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            stop: Arc::new(AtomicBool::new(false)),
            counts: Arc::default(),
        };
        let (stop, counts, handler) = (server.stop.clone(), server.counts.clone(), Arc::new(handler));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let (counts, handler) = (counts.clone(), handler.clone());
                // A client that hangs up in the middle is nothing out of the ordinary here.
                thread::spawn(move || stream.and_then(|stream| serve(stream, &*handler, &counts)));
            }
        });
        server
    }

    /// Serves files by path; anything else is a 404.
    pub(crate) fn of_files(files: HashMap<String, Vec<u8>>) -> Self {
        Self::start(move |asked| match files.get(&asked.path) {
            Some(content) => Answer::File(content.clone()),
            None => Answer::Status(404, vec![]),
        })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// How often a path was asked for.
    pub(crate) fn count(&self, path: &str) -> usize {
        self.counts.lock().unwrap().get(path).copied().unwrap_or(0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: TcpStream, handler: &Handler, counts: &Mutex<HashMap<String, usize>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_else(|| "/".to_owned()));
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let header = |name: &str| headers.iter().find(|(key, _)| key == name).map(|(_, value)| &**value);
    let from = header("range").and_then(|range| range.strip_prefix("bytes=")?.trim_end_matches('-').parse().ok());
    let mut body = vec![0; header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let body = String::from_utf8_lossy(&body).into_owned();
    let before = {
        let mut counts = counts.lock().unwrap();
        let count = counts.entry(path.clone()).or_default();
        *count += 1;
        *count - 1
    };
    answer(stream, from, handler(&Asked { method, path, headers, body, from, before }))
}

fn answer(mut to: TcpStream, from: Option<usize>, answer: Answer) -> std::io::Result<()> {
    match answer {
        Answer::File(content) => send(&mut to, &content, from, usize::MAX),
        Answer::Whole(content) => send(&mut to, &content, None, usize::MAX),
        Answer::Cut(content, after) => send(&mut to, &content, from, after),
        Answer::Stall(content, after) => {
            send(&mut to, &content, from, after)?;
            to.set_read_timeout(Some(Duration::from_secs(20)))?;
            to.read(&mut [0]).map(drop)
        }
        Answer::Length(content, length) => {
            head(&mut to, 200, &[format!("Content-Length: {length}")])?;
            to.write_all(&content)
        }
        Answer::Endless => {
            head(&mut to, 200, &[])?;
            loop {
                to.write_all(&[0; 65536])?;
            }
        }
        Answer::Reply(status, mut headers, body) => {
            headers.push(format!("Content-Length: {}", body.len()));
            head(&mut to, status, &headers)?;
            to.write_all(&body)
        }
        Answer::Status(status, mut headers) => {
            headers.push("Content-Length: 0".to_owned());
            head(&mut to, status, &headers)
        }
    }
}

fn send(to: &mut TcpStream, content: &[u8], from: Option<usize>, most: usize) -> std::io::Result<()> {
    let start = from.unwrap_or(0).min(content.len());
    let part = &content[start..];
    let mut headers = vec![format!("Content-Length: {}", part.len()), "ETag: \"one\"".to_owned()];
    if from.is_some() {
        headers.push(format!("Content-Range: bytes {start}-{}/{}", content.len() - 1, content.len()));
    }
    head(to, if from.is_some() { 206 } else { 200 }, &headers)?;
    to.write_all(&part[..part.len().min(most)])
}

fn head(to: &mut TcpStream, status: u16, headers: &[String]) -> std::io::Result<()> {
    write!(to, "HTTP/1.1 {status} As It Is\r\nConnection: close\r\n")?;
    for header in headers {
        write!(to, "{header}\r\n")?;
    }
    to.write_all(b"\r\n")
}
