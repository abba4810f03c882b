//! `envbox console`

use super::system;
use crate::cli::Console;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::launch;
use crate::sys::{stream, tty};
use crate::ui::Ui;

pub(super) fn run(args: &Console, host: &Host, ui: &Ui) -> Result {
    let context = Context::open(host, ui)?;
    let (name, stored) = (&args.name, context.store.open_box(&args.name)?);
    if !system::is_one(&stored.config) {
        return Err(Error::new(format!("`{name}` has no init, and so no console")).hint(format!("envbox enter {name}")));
    }
    if !tty::is_terminal(stream::STDIN) || !tty::is_terminal(stream::STDOUT) {
        return Err(
            Error::new("a console needs a terminal").hint(format!("envbox logs -f {name} shows what it prints"))
        );
    }
    let live = launch::connect(&context.store.runtime(name))?;
    let live = live.ok_or_else(|| Error::new(format!("`{name}` is not up")).hint(format!("envbox start {name}")))?;
    ui.note(&format!("the console of `{name}`; {} leaves it", args.detach_keys));
    let left = launch::attach(live, &args.detach_keys.0)?;
    // The console's last line has no end.
    ui.note(match left {
        launch::Left::Detached => "\nleft the console; the box goes on",
        launch::Left::Ended => "\nthe box has ended",
    });
    Ok(0)
}
