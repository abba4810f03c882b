//! HTTP and HTTPS, for whole files.
//!
//! The only place with an async runtime. A [`Session`] owns it (current-thread: no thread is ever started) together with
//! the kept-alive connections; dropping the session ends both.

mod fault;
mod proxy;
mod session;
mod transfer;

pub use fault::Fault;
pub use proxy::Proxies;
pub use session::{Client, Limits, Session, Want};
