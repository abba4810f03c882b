//! Carries a plan out: builds the root, keeps the box, runs sessions in it.
//!
//! `boot` is the parent's side and `keeper` the child's; `apply` is the loop over the steps. `session` is the side of a
//! session that stays outside and `payload` the one that becomes the user's program.

mod account;
mod apply;
mod boot;
pub mod bounds;
mod console;
mod detach;
mod error;
mod follow;
mod group;
mod home;
mod init;
mod keeper;
mod live;
mod locale;
mod login;
mod nested;
mod network;
mod offline;
mod overlay;
mod payload;
mod person;
mod protocol;
mod pump;
mod record;
mod seal;
mod session;
mod shells;
mod system;
mod view;
mod word;

pub use boot::{Programs, boot};
pub use console::{Left, attach};
pub use error::Error;
pub use group::remove_group;
pub use keeper::BEGINNING;
pub use live::{Live, connect, is_up};
pub use offline::{Program, carry_out, run_in};
pub use record::{keeper_of, kill};

pub use session::{Terminfo, run};
