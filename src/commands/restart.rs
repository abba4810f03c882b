//! `envbox restart`

use super::{start, stop};
use crate::cli::Restart;
use crate::context::Context;
use crate::error::Result;
use crate::host::Host;
use crate::ui::Ui;

pub(super) fn run(args: &Restart, host: &Host, ui: &Ui) -> Result {
    let context = Context::open(host, ui)?;
    let mut status = 0;
    for stored in start::boxes(&context, &args.names)? {
        stop::stop(&context, &stored.name, args.time)?;
        status = status.max(start::start(&context, &stored, args.wait)?);
    }
    Ok(status)
}
