//! The ids that the recorded frames are about.

pub(crate) const CLAN: i64 = 2_000_000_000_000_000_001;
pub(crate) const CHANNEL: i64 = 3_000_000_000_000_000_001;
pub(crate) const ALICE: i64 = 4_000_000_000_000_000_001;
pub(crate) const BOB: i64 = 4_000_000_000_000_000_002;
pub(crate) const DM: i64 = 5_000_000_000_000_000_001;
pub(crate) const MESSAGE: i64 = 7_000_000_000_000_000_001;
pub(crate) const BOT: i64 = 1_000_000_000_000_000_001;
