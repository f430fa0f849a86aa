//! Which paths a server does not have: older and newer releases of the real one differ in that.

use serde::Deserialize;

use super::answer::nothing;
use crate::simulator::{Refusal, Request, Response};

/// The paths that are missing.
#[derive(Debug, Default)]
pub(super) struct Routes {
    missing: Vec<(String, u16)>,
}

/// Takes paths away, or gives them back.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Paths {
    path: Option<String>,
    paths: Vec<String>,
    /// 404, 405 or 501.
    status: Option<u16>,
}

impl Routes {
    /// Takes a path away; one that ends with a slash stands for all below it.
    pub(super) fn disable(&mut self, path: String, status: u16) {
        self.missing.retain(|(known, _)| *known != path);
        self.missing.push((path, status));
    }

    /// Carries out a command.
    ///
    /// # Errors
    ///
    /// Refuses paths that are none, more than [`MOST`] of them, and statuses that do not say that a path is missing.
    pub(super) fn disable_all(&mut self, paths: Paths) -> Result<(), Refusal> {
        let status = paths.status.unwrap_or(404);
        if !matches!(status, 404 | 405 | 501) {
            return Err(Refusal::bad(format!(
                "emit: status: {status} is none of 404, 405, 501"
            )));
        }
        let all: Vec<String> = paths.paths.into_iter().chain(paths.path).collect();
        if all.is_empty() {
            return Err(Refusal::bad("emit: path is required, a text"));
        }
        if self.missing.len() + all.len() > MOST {
            return Err(Refusal::bad("emit: too many paths are missing"));
        }
        if let Some(wrong) = all.iter().find(|path| !path.starts_with('/')) {
            let text = format!("emit: path: \"{wrong}\" does not begin with a slash");
            return Err(Refusal::bad(text));
        }
        for path in all {
            self.disable(path, status);
        }
        Ok(())
    }

    /// Gives back the paths that are named, or all of them.
    pub(super) fn enable(&mut self, paths: Paths) {
        let named: Vec<String> = paths.paths.into_iter().chain(paths.path).collect();
        self.missing
            .retain(|(path, _)| !named.is_empty() && !named.contains(path));
    }

    /// Returns the answer to a request for a path that is missing.
    pub(super) fn refuse(&self, request: &Request) -> Option<Response> {
        let path = request.path();
        let is_it =
            |known: &str| path == known || (known.ends_with('/') && path.starts_with(known));
        let (_, status) = self.missing.iter().find(|(known, _)| is_it(known))?;
        Some(nothing(*status, &request.method, path))
    }
}

const MOST: usize = 1_000;
