//! `segue mode`: writes the file that a running Segue watches.

use super::Failure;
use crate::config::Config;
use crate::document::suggestion;
use crate::mode::{Mode, Overrides};

pub(super) fn run(config: &Config, mode: Mode, store: Option<&str>) -> Result<(), Failure> {
    if let Some(code) = store.filter(|code| config.sites.view(code).is_none()) {
        let near = suggestion(code, config.sites.views().iter().map(|view| &*view.code));
        return Err(Failure::Usage(format!("no store view \"{code}\" in the configuration{near}")));
    }
    let mut overrides = Overrides::load(&config.mode_file)?;
    overrides.set(store, mode);
    let path = config.mode_file.display();
    overrides.save(&config.mode_file).map_err(|error| Failure::Failed(format!("{path} cannot be written: {error}")))?;
    let modes = config.modes.overruled(&overrides);
    for view in config.sites.views() {
        println!("{}: {}", view.code, modes.of(&view.code).as_str());
    }
    Ok(())
}
