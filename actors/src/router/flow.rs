//! Who publishes what to whom.

/// How one type of events flows, by the numbers of the nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flow {
    /// The name of the type.
    pub(crate) event: &'static str,
    /// Who publishes it, and how often it has.
    pub(crate) sources: Vec<(u64, u64)>,
    /// Whom it is delivered to, and how often it was.
    pub(crate) handlers: Vec<(u64, u64)>,
}

impl Flow {
    /// Says whether somebody handles such events or has published one.
    pub(crate) fn is_of_interest(&self) -> bool {
        !self.handlers.is_empty() || self.sources.iter().any(|(_, count)| *count > 0)
    }
}
