//! Values that describe images: digests, and (with the stores and registries that use them) references, manifests and
//! configs. Pure: nothing here opens a file or a socket.

mod digest;
mod record;

pub use digest::{Digest, Hasher, ParseDigestError};
pub use record::{Image, Provenance};
