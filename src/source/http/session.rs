//! The client's settings, and a session of downloads.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::runtime::Runtime;

use super::request::Request;
use super::transfer::{Shown, transfer};
use super::{Fault, Proxies, Tls};
use crate::image::Digest;
use crate::source::{Error, Progress};
use crate::store::blobs::{Blobs, Staged};

/// How long to wait and how often to try.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// For the next bytes.
    pub stall: Duration,
    /// Tries of a file that bring it no further.
    pub tries: u32,
    /// Before the second try; twice as long before each further one.
    pub backoff: Duration,
    /// Redirects one after another.
    pub redirects: usize,
    /// Downloads at the same time.
    pub parallel: usize,
    /// The largest file without a known size, in bytes.
    pub largest: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            stall: Duration::from_secs(30),
            tries: 5,
            backoff: Duration::from_millis(500),
            redirects: 10,
            parallel: 8,
            largest: 64 << 30,
        }
    }
}

/// A file to fetch.
#[derive(Debug, Clone)]
pub struct Want {
    /// From where.
    pub url: String,
    /// Where else, if there is no such file, or no such server. Only what has a digest may be looked for elsewhere.
    pub elsewhere: Vec<String>,
    /// What it must be.
    pub digest: Option<Digest>,
    /// How large it must be.
    pub size: Option<u64>,
}

/// The settings for downloads. Holds nothing open.
#[derive(Debug, Clone, Default)]
pub struct Client {
    proxies: Proxies,
    limits: Limits,
}

impl Client {
    /// With these proxies and the usual limits.
    pub fn new(proxies: Proxies) -> Self {
        Self { proxies, limits: Limits::default() }
    }

    /// The same with other limits.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Begins a session.
    ///
    /// # Errors
    /// [`Error::Runtime`] if the kernel has no descriptors left.
    pub fn session(&self) -> Result<Session, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|source| Error::Runtime { source })?;
        Ok(Session { clients: RefCell::default(), proxies: self.proxies.clone(), limits: self.limits, runtime })
    }
}

/// Downloads over kept-alive connections. Every method blocks until it is done.
#[derive(Debug)]
pub struct Session {
    // One for each kind of TLS and one for none, because reading the machine's certificate authorities costs more than a
    // small mirror's answer, and because http must work where there are none.
    clients: RefCell<HashMap<Option<Tls>, reqwest::Client>>,
    proxies: Proxies,
    pub(super) limits: Limits,
    runtime: Runtime,
}

impl Session {
    /// The contents of small files, fetched at the same time, in the order of the URLs.
    pub fn small(&self, urls: &[String], largest: u64) -> Vec<Result<Vec<u8>, Error>> {
        let one = async |url: &String| {
            let mut content = Vec::new();
            let request = Request::get(url).map_err(|fault| Error::fetch(url, fault))?;
            transfer(self, &request, (None, false), largest, &mut content, &Shown::new(&super::super::Silent)).await?;
            Ok(content)
        };
        self.runtime.block_on(stream::iter(urls).map(one).buffered(self.limits.parallel).collect())
    }

    /// One file, through the cache.
    ///
    /// # Errors
    /// [`Error`], which names the URL.
    pub fn file(&self, blobs: &Blobs, want: &Want, progress: &dyn Progress) -> Result<(Digest, File), Error> {
        self.runtime.block_on(self.fetch(blobs, want, progress))
    }

    /// Many files, through the cache, several at a time. Each is handed to `done` with its place in `wants` as soon as
    /// it is complete and right; an error of `done`'s ends it all.
    ///
    /// # Errors
    /// [`Error`], the first one.
    pub fn files(
        &self,
        blobs: &Blobs,
        wants: &[Want],
        progress: &dyn Progress,
        done: &mut dyn FnMut(usize, File) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.runtime.block_on(async {
            let one = async |(place, want)| Ok::<_, Error>((place, self.fetch(blobs, want, progress).await?.1));
            let mut downloads = stream::iter(wants.iter().enumerate()).map(one).buffer_unordered(self.limits.parallel);
            while let Some(file) = downloads.next().await {
                let (place, file) = file?;
                done(place, file)?;
            }
            Ok(())
        })
    }

    async fn fetch(&self, blobs: &Blobs, want: &Want, progress: &dyn Progress) -> Result<(Digest, File), Error> {
        let mut outcome = self.fetch_from(&want.url, blobs, want, progress).await;
        for url in &want.elsewhere {
            match &outcome {
                Err(error) if error.is_missing() || error.is_offline() => {}
                _ => return outcome,
            }
            outcome = self.fetch_from(url, blobs, want, progress).await;
        }
        outcome
    }

    async fn fetch_from(
        &self,
        url: &str,
        blobs: &Blobs,
        want: &Want,
        progress: &dyn Progress,
    ) -> Result<(Digest, File), Error> {
        // What an interrupted download has left, if one knows what is to come of it, and nobody else is at it.
        let part = want.digest.map(|digest| blobs.resume(&digest)).transpose()?.flatten();
        let resumed = part.as_ref().is_some_and(|part| part.size() > 0);
        match self.fetch_into(url, part.map_or_else(|| blobs.stage(), Ok)?, want, progress).await {
            // It may have been the part that was wrong, and is gone now.
            Err(Error::Digest { .. }) if resumed => self.fetch_into(url, blobs.stage()?, want, progress).await,
            fetched => fetched,
        }
    }

    async fn fetch_into(
        &self,
        url: &str,
        mut staged: Staged,
        want: &Want,
        progress: &dyn Progress,
    ) -> Result<(Digest, File), Error> {
        let size = (want.size, want.digest.is_some());
        let largest = want.size.unwrap_or(self.limits.largest);
        let request = Request::get(url).map_err(|fault| Error::fetch(url, fault))?;
        transfer(self, &request, size, largest, &mut staged, &Shown::new(progress)).await?;
        staged.commit(want.digest.as_ref()).map_err(|error| Error::content(url, error))
    }

    /// How long to wait after that many tries in vain; `None` if there is no point in another.
    pub(in crate::source) fn wait(&self, fault: &Fault, vain: u32) -> Option<Duration> {
        self.limits.wait(fault, vain)
    }

    /// How much to do at the same time.
    pub(in crate::source) fn parallel(&self) -> usize {
        self.limits.parallel
    }

    /// Carries out what is asked of a server, on the runtime of this session.
    pub(in crate::source) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// The client for this kind of TLS, or for none.
    pub(super) fn client(&self, tls: Option<&Tls>) -> Result<reqwest::Client, Fault> {
        let mut proxies = [&self.proxies.http, &self.proxies.https].into_iter().flatten();
        let proxied_by_tls = proxies.any(|proxy| proxy.starts_with("https://"));
        let tls = tls.cloned().or_else(|| proxied_by_tls.then(Tls::default));
        if let Some(client) = self.clients.borrow().get(&tls) {
            return Ok(client.clone());
        }
        let client = self.build(tls.as_ref())?;
        self.clients.borrow_mut().insert(tls, client.clone());
        Ok(client)
    }

    fn build(&self, tls: Option<&Tls>) -> Result<reqwest::Client, Fault> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("envbox/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.limits.connect)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .hickory_dns(true)
            .no_proxy();
        for proxy in self.proxies.build()? {
            builder = builder.proxy(proxy);
        }
        let ring = rustls::crypto::ring::default_provider();
        if let Some(tls) = tls {
            // Fails if it is installed already, which is as good.
            let _ = ring.install_default();
            builder = tls.apply(builder)?;
        } else {
            let config = rustls::ClientConfig::builder_with_provider(ring.into())
                .with_safe_default_protocol_versions()
                .map(|config| config.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth());
            if let Ok(config) = config {
                builder = builder.tls_backend_preconfigured(config);
            }
        }
        builder.build().map_err(Fault::Roots)
    }
}
