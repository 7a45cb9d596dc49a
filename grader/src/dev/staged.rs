//! An engine that grades a copy of the course.

use crate::build::site::Site;
use crate::course::stage::Stage;
use crate::course::workspace::Workspace;
use crate::host::error::Result;
use crate::judge::Engine;

/// Makes a copy of an engine's course, and an engine that grades the copy.
///
/// # Errors
/// As [`Stage::create`], and if the copy is not a course.
pub fn staged(engine: &Engine) -> Result<(Stage, Engine)> {
    let target = engine.site.target_dir.parent().unwrap_or(&engine.site.target_dir);
    let stage = Stage::create(&engine.site.workspace.root, &target.join("staged"))?;
    let site = Site {
        workspace: Workspace::open(&stage.root())?,
        toolchain: engine.site.toolchain.clone(),
        target_dir: stage.target_dir(),
    };
    let staged = Engine { site, emulator: engine.emulator.clone() };
    Ok((stage, staged))
}
