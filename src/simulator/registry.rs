//! Every platform that the simulator can play; adding one is one line.

use super::platform::Maker;

/// The platforms, in the order of the ready line.
pub(crate) const PLATFORMS: &[Maker] = &[
    #[cfg(feature = "mezon")]
    crate::mezon::fake::MAKER,
    #[cfg(feature = "ticos")]
    crate::ticos::fake::MAKER,
    #[cfg(feature = "token-bowl")]
    crate::token_bowl::fake::MAKER,
    #[cfg(feature = "payman")]
    crate::payman::fake::MAKER,
    #[cfg(feature = "mesh")]
    crate::mesh::fake::MAKER,
];
