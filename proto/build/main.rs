//! Makes the Rust types of the newest wire, and the tables that rewrite the older one.
//!
//! The Protobuf files are compiled in this process: no `protoc` is needed.

mod events;
mod table;
mod types;

use std::{env, error::Error, fs, path::PathBuf};

use protox::Compiler;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=proto");
    let out = PathBuf::from(env::var("OUT_DIR")?);

    let mut older = compile("mezon/v1")?;
    let mut newest = compile("mezon/v2")?;
    let (older_pool, newest_pool) = (older.descriptor_pool(), newest.descriptor_pool());
    types::generate(newest.file_descriptor_set(), &newest_pool)?;
    fs::write(
        out.join("mezon_table.rs"),
        table::generate(&older_pool, &newest_pool),
    )?;
    fs::write(out.join("mezon_events.rs"), events::generate(&newest_pool))?;
    fs::write(
        out.join("mezon_locations.rs"),
        events::locations(&newest_pool),
    )?;

    for (name, compiler) in [("mezon_v1.bin", &mut older), ("mezon_v2.bin", &mut newest)] {
        // The comments are of no use to a program.
        compiler.include_source_info(false);
        fs::write(out.join(name), compiler.encode_file_descriptor_set())?;
    }
    Ok(())
}

/// Compiles both files of one wire, with all that they import.
fn compile(wire: &str) -> Result<Compiler, protox::Error> {
    let mut compiler = Compiler::new(["proto"])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files([
        format!("{wire}/api.proto"),
        format!("{wire}/realtime.proto"),
    ])?;
    Ok(compiler)
}
