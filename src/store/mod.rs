//! What envbox keeps on disk. The only folder that builds paths under the data and the cache directory.

pub mod blobs;
