//! HTTP and HTTPS, for whole files.
//!
//! The only place with an async runtime. A [`Session`] owns it (current-thread: no thread is ever started) together with
//! the kept-alive connections; dropping the session ends both.

mod call;
mod fault;
mod proxy;
mod request;
mod retry;
mod session;
mod tls;
mod transfer;
mod upload;

pub(super) use call::Reply;
pub use fault::Fault;
pub use proxy::Proxies;
pub(super) use request::Request;
pub(super) use retry::retry_after;
pub use session::{Client, Limits, Session, Want};
pub use tls::Tls;
pub(super) use transfer::{Shown, Sink, transfer};
