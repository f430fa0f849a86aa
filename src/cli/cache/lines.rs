//! Messages as JSON lines, out of the cache and into it.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::Path;

use greenroom_actors::cache::{Record, import_into};
use serde::Serialize;

use super::body::{from_json, to_json};
use super::look::messages;
use super::progress::{CountedLines, Progress};
use super::store::{Stores, find};
use super::{ExportArgs, ImportArgs};
use crate::cli::Failure;
use crate::token_bowl::FORMAT;

/// `greenroom cache export`.
pub(super) async fn export(args: &ExportArgs, stores: &Stores) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Line {
        exported: u64,
    }
    let Some(path) = named(args.file.as_deref()) else {
        let exported = write(stores, args, || Ok(BufWriter::new(io::stdout().lock()))).await?;
        stores.remark(&format!("exported {}", messages(exported)));
        return Ok(());
    };
    let exported = write(stores, args, || create(path).map(BufWriter::new)).await?;
    let text = format!("exported {} to {}", messages(exported), path.display());
    stores.printer.text(&text, &Line { exported })?;
    Ok(())
}

/// Writes messages to what `open` opens, which is done when the first cache is open, so that nothing is overwritten in vain.
async fn write<W: Write>(
    stores: &Stores,
    args: &ExportArgs,
    open: impl Fn() -> Result<W, Failure>,
) -> Result<u64, Failure> {
    let progress = Progress::new("exported");
    let readable = |record: &_| {
        progress.tick();
        to_json(record)
    };
    let (mut opened, mut exported) = (None, 0);
    for store in stores.iter() {
        let written = store.look(async |cache| {
            let out = match &mut opened {
                Some(out) => out,
                none => none.insert(open()?),
            };
            let written = match &args.channel {
                None => cache.export(out, readable).await,
                Some(name) => match find(cache, name).await? {
                    Some(info) => cache.export_channel(info.channel, out, readable).await,
                    None => Ok(0),
                },
            };
            Ok(written?)
        });
        exported += written.await?.unwrap_or_default();
    }
    progress.finish();
    if opened.is_none() {
        open()?;
    }
    Ok(exported)
}

/// `greenroom cache import`.
pub(super) async fn import(args: &ImportArgs, stores: &Stores) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Line {
        imported: u64,
    }
    if let Some(database) = &args.from_sqlite {
        #[cfg(feature = "sqlite-import")]
        return super::sqlite::import(database, stores).await;
        #[cfg(not(feature = "sqlite-import"))]
        return Err(Failure::new(
            crate::cli::FailureKind::Usage,
            format!(
                "cannot read {}: this program was built without the feature `sqlite-import`",
                database.display()
            ),
        ));
    }
    let progress = Progress::new("imported");
    let lines: Box<dyn io::Read> = match named(args.file.as_deref()) {
        Some(path) => Box::new(File::open(path).map_err(|error| cannot("read", path, &error))?),
        None => Box::new(io::stdin().lock()),
    };
    let lines = CountedLines {
        lines: BufReader::with_capacity(1 << 16, lines),
        progress: &progress,
    };
    let imported = stores.first.work(async |cache| {
        let Some(token_bowl) = &stores.token_bowl else {
            return Ok(cache.import(lines, from_json).await?);
        };
        let into = token_bowl.work(async |token_bowl| {
            let cache_of = |record: &Record| match record.format {
                FORMAT => token_bowl,
                _ => cache,
            };
            Ok(import_into(lines, from_json, cache_of).await?)
        });
        into.await
    });
    let imported = imported.await;
    progress.finish();
    let imported = imported?;
    let text = format!("imported {}", messages(imported));
    stores.printer.text(&text, &Line { imported })?;
    Ok(())
}

/// Returns the file unless none is named, or `-`.
fn named(file: Option<&Path>) -> Option<&Path> {
    file.filter(|file| file.as_os_str() != "-")
}

fn create(path: &Path) -> Result<File, Failure> {
    File::create(path).map_err(|error| cannot("write", path, &error))
}

fn cannot(action: &'static str, path: &Path, error: &io::Error) -> Failure {
    Failure::failed(format!("cannot {action} {}: {error}", path.display()))
}
