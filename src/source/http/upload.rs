//! A request whose body is a part of a file.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::{Stream, stream};
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH};
use reqwest::{Body, Response};
use tokio::time::{Instant, timeout};

use super::call::read_reply;
use super::request::Request;
use super::{Fault, Reply, Session};

/// How much of the file is read at a time, in bytes.
const PIECE: u64 = 128 << 10;
/// How often to look at how much has gone out.
const LOOK: Duration = Duration::from_millis(100);
/// How many times the usual patience a server gets that has everything and does not say a word: it may be hashing.
const THINKING: u32 = 10;

impl Session {
    /// Sends a request, once and to no other place, with these bytes of a file for a body; `shown` is told how many of
    /// them are on their way.
    pub(in crate::source) async fn upload(
        &self,
        request: &Request,
        file: &File,
        part: Range<u64>,
        shown: &mut dyn FnMut(u64),
    ) -> Result<Reply, Fault> {
        let length = part.end - part.start;
        let sent = Arc::new(AtomicU64::new(0));
        let file = file.try_clone().map_err(Fault::Read)?;
        let tls = request.url.scheme() == "https";
        let mut building =
            self.client(tls.then_some(&*request.tls))?.request(request.method.clone(), request.url.clone());
        building = building.headers(request.headers.clone()).header(CONTENT_LENGTH, length);
        if let Some(secret) = &request.secret {
            building = building.header(AUTHORIZATION, secret);
        }
        let sending = building.body(Body::wrap_stream(pieces(file, part, sent.clone()))).send();
        let response = self.watch(sending, &sent, length, shown).await?;
        read_reply(self, response, 1 << 20).await
    }

    /// Waits for the answer as long as the body gets on.
    async fn watch(
        &self,
        sending: impl Future<Output = reqwest::Result<Response>>,
        sent: &AtomicU64,
        length: u64,
        shown: &mut dyn FnMut(u64),
    ) -> Result<Response, Fault> {
        let mut sending = std::pin::pin!(sending);
        let (mut before, mut since) = (0, Instant::now());
        loop {
            let answer = timeout(LOOK, &mut sending).await;
            let now = sent.load(Ordering::Relaxed);
            if now > before {
                shown(now);
                (before, since) = (now, Instant::now());
            }
            let patience = if now == length { self.limits.stall * THINKING } else { self.limits.stall };
            match answer {
                Ok(answer) => return answer.map_err(Fault::of_request),
                Err(_) if since.elapsed() > patience => return Err(Fault::Stalled(patience)),
                Err(_) => {}
            }
        }
    }
}

/// The bytes of a part of a file. Reading a local file is quick enough not to need a thread of its own.
fn pieces(file: File, part: Range<u64>, sent: Arc<AtomicU64>) -> impl Stream<Item = io::Result<Vec<u8>>> + Send {
    stream::unfold(part, move |mut part| {
        let piece = (part.start < part.end).then(|| {
            let length = PIECE.min(part.end - part.start);
            let mut piece = vec![0; usize::try_from(length).unwrap_or(0)];
            let read = file.read_exact_at(&mut piece, part.start).map(|()| piece);
            part.start += length;
            sent.fetch_add(length, Ordering::Relaxed);
            (read, part)
        });
        std::future::ready(piece)
    })
}
