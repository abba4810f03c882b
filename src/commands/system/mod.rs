//! System boxes: which init a box has, how an image gets one, and waiting for its boot.

mod boot;
mod bring;
mod found;
mod state;
mod tail;

pub(super) use boot::{Outcome, wait, wait_if_booting};
pub(super) use bring::image;
pub(super) use found::init;
pub(super) use state::{State, state};
pub(super) use tail::{Tail, console, ended, in_maintenance, journal, show};

use crate::recipe::BoxConfig;
use crate::recipe::settings::Init;

/// Whether a box is a system box.
pub(super) fn is_one(config: &BoxConfig) -> bool {
    config.init != Init::None
}
