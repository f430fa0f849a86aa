//! The program `mesh-auth`: logs in to Mesh, as `greenroom mesh auth` does.

use std::process::ExitCode;

fn main() -> ExitCode {
    greenroom::cli::auth_main()
}
