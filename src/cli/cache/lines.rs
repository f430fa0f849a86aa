//! Messages as JSON lines, out of the cache and into it.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::Path;

use greenroom_actors::cache::Cache;
use serde::Serialize;

use super::body::{from_json, to_json};
use super::look::messages;
use super::progress::{CountedLines, Progress};
use super::store::{Store, find};
use super::{ExportArgs, ImportArgs};
use crate::cli::Failure;

/// `greenroom cache export`.
pub(super) async fn export(args: &ExportArgs, store: &Store) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Line {
        exported: u64,
    }
    let Some(path) = named(args.file.as_deref()) else {
        let mut out = BufWriter::new(io::stdout().lock());
        let exported = store.look(async |cache| write(cache, args, &mut out).await);
        let exported = exported.await?.unwrap_or_default();
        store.remark(&format!("exported {}", messages(exported)));
        return Ok(());
    };
    // Only when the cache is open, so that nothing is overwritten in vain.
    let exported = store.look(async |cache| {
        let mut out = BufWriter::new(create(path)?);
        write(cache, args, &mut out).await
    });
    let exported = match exported.await? {
        Some(exported) => exported,
        None => create(path).map(|_| 0)?,
    };
    let text = format!("exported {} to {}", messages(exported), path.display());
    store.printer.text(&text, &Line { exported })?;
    Ok(())
}

async fn write(cache: &Cache, args: &ExportArgs, out: &mut impl Write) -> Result<u64, Failure> {
    let progress = Progress::new("exported");
    let readable = |record: &_| {
        progress.tick();
        to_json(record)
    };
    let written = match &args.channel {
        None => cache.export(out, readable).await,
        Some(name) => match find(cache, name).await? {
            Some(info) => cache.export_channel(info.channel, out, readable).await,
            None => Ok(0),
        },
    };
    progress.finish();
    Ok(written?)
}

/// `greenroom cache import`.
pub(super) async fn import(args: &ImportArgs, store: &Store) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Line {
        imported: u64,
    }
    if let Some(database) = &args.from_sqlite {
        #[cfg(feature = "sqlite-import")]
        return super::sqlite::import(database, store).await;
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
    let imported = store
        .work(async |cache| Ok(cache.import(lines, from_json).await?))
        .await;
    progress.finish();
    let imported = imported?;
    let text = format!("imported {}", messages(imported));
    store.printer.text(&text, &Line { imported })?;
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
