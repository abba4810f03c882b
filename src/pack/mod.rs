//! Trees become archives: a layer's tree a tar stream, an image a layout or an archive that other programs read.
//!
//! [`layer`] runs as root of a user namespace, where files have the owners that boxes see. The same tree gives the same
//! bytes, on any machine and with any number of threads: names are sorted, nothing is asked of the clock, and a stream is
//! compressed in pieces whose borders only its length decides.

mod compress;
mod confine;
mod error;
mod export;
mod gzip;
mod layer;
mod marks;
mod member;
mod parts;
mod recompress;
mod stream;
mod write;

pub use compress::Compression;
pub use confine::confine;
pub use error::Error;
pub use export::{Export, Layer, published_layers};
pub use layer::layer;
pub use parts::{Content, Part};
pub use recompress::recompress;
pub use stream::Packed;
pub use write::{archive, directory};
