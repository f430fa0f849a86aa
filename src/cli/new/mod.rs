//! `greenroom new`: a project to begin with, which compiles and whose tests pass.

mod dependency;
mod name;
mod project;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::{Failure, Globals, Printer};
use dependency::Dependency;
use name::BotName;
use project::Project;

/// The arguments of `greenroom new`.
#[derive(Args, Debug)]
pub(super) struct NewArgs {
    /// The name of the bot and of its package, such as `stage-door`
    #[arg(value_parser = BotName::parse)]
    name: BotName,
    /// Where to write it: a folder that is empty or not there yet [default: one of that name, here]
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// The platform that it is for
    #[arg(long, value_enum, default_value_t)]
    platform: Platform,
    /// The checkout of greenroom to build it with [default: the one that this program comes from, if it is still there]
    #[arg(long, value_name = "FOLDER", conflicts_with = "git")]
    path: Option<PathBuf>,
    /// The repository of greenroom to build it with
    #[arg(long, value_name = "URL")]
    git: Option<String>,
}

/// The platforms that a new bot can be for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
enum Platform {
    #[default]
    Mezon,
    TokenBowl,
}

/// Writes the project, and says where it is and what comes next.
pub(super) fn run(args: NewArgs, globals: &Globals) -> Result<(), Failure> {
    let greenroom = Dependency::choose(args.path.as_deref(), args.git)?;
    let folder = args.folder.unwrap_or_else(|| args.name.as_str().into());
    let project = Project::new(&args.name, args.platform, &greenroom);
    project.write(&folder)?;
    let report = Report {
        name: args.name.as_str(),
        platform: args.platform,
        folder: folder.display().to_string(),
        files: project.files().collect(),
        greenroom: &greenroom,
    };
    Printer::report(globals).text(&report.to_text(), &NewLine { new: &report })?;
    Ok(())
}

#[derive(Serialize)]
struct NewLine<'a> {
    new: &'a Report<'a>,
}

#[derive(Serialize)]
struct Report<'a> {
    name: &'a str,
    platform: Platform,
    folder: String,
    files: Vec<&'static str>,
    greenroom: &'a Dependency,
}

impl Report<'_> {
    fn to_text(&self) -> String {
        format!(
            "{} is in {}: {}\nIt is built with {}.\nNext: cd {}, then cargo test, and read its README.md.",
            self.name,
            self.folder,
            self.files.join(", "),
            self.greenroom,
            self.folder,
        )
    }
}
