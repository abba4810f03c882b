//! What a source tells about its progress, and to whom.

/// Told what is being done. `ui` shows it; a source calls it from one thread, between pieces of its work.
pub trait Progress {
    /// Something begins that has this many bytes, if that is known.
    fn start(&self, label: &str, total: Option<u64>);
    /// So many more bytes have arrived. The sum never exceeds what was really received of a file, retries included.
    fn advance(&self, bytes: u64);
    /// What was started is over, for better or worse.
    fn finish(&self);
    /// A thing that the user should know but that stops nothing.
    fn note(&self, message: &str);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn start(&self, _: &str, _: Option<u64>) {}
    fn advance(&self, _: u64) {}
    fn finish(&self) {}
    fn note(&self, _: &str) {}
}
