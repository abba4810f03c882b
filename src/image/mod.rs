//! Values that describe images: digests, references, the documents of the OCI format, and what the store keeps of an
//! image. Pure: nothing here opens a file or a socket.

pub mod accounts;
mod digest;
pub mod oci;
mod record;
mod reference;
mod short;
mod signal;

pub use digest::{Digest, Hasher, ParseDigestError};
pub use record::{Image, LayerRecord, Provenance, Published};
pub use reference::{ParseReferenceError, Reference};
pub use short::{place, short};
pub use signal::signal_number;
