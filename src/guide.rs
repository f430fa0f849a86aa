//! The guide, which is also in the folder `docs`: every snippet of it is compiled with the tests, every piece of configuration is read, and
//! every command line is parsed.

/// Includes pages, each with its links to the others: where a page names a file, this names a module, and the first one counts.
macro_rules! page {
    ($(#[doc = $page:expr] $item:item)*) => {$(
        #[doc = "[actors]: crate::guide::actors"]
        #[doc = "[caching]: crate::guide::caching"]
        #[doc = "[connections]: crate::guide::connections"]
        #[doc = "[deployment]: crate::guide::deployment"]
        #[doc = "[events]: crate::guide::events"]
        #[doc = "[handlers]: crate::guide::handlers"]
        #[doc = "[looking-inside]: crate::guide::looking_inside"]
        #[doc = "[mesh]: mod@crate::mesh"]
        #[doc = "[mezon]: mod@crate::mezon"]
        #[doc = "[payman]: mod@crate::payman"]
        #[doc = "[simulator]: crate::guide::simulator"]
        #[doc = "[testing]: crate::guide::testing"]
        #[doc = "[ticos]: mod@crate::ticos"]
        #[doc = "[token-bowl]: mod@crate::token_bowl"]
        #[doc = "[tuning]: crate::guide::tuning"]
        #[doc = ""]
        #[doc = $page]
        $item
    )*};
}

page! {
    #[doc = include_str!("../docs/README.md")]
    pub mod overview {}
    #[doc = include_str!("../docs/actors.md")]
    pub mod actors {}
    #[doc = include_str!("../docs/events.md")]
    pub mod events {}
    #[doc = include_str!("../docs/connections.md")]
    pub mod connections {}
    #[doc = include_str!("../docs/handlers.md")]
    pub mod handlers {}
    #[doc = include_str!("../docs/caching.md")]
    pub mod caching {}
    #[doc = include_str!("../docs/testing.md")]
    pub mod testing {}
    #[doc = include_str!("../docs/looking-inside.md")]
    pub mod looking_inside {}
    #[doc = include_str!("../docs/simulator.md")]
    pub mod simulator {}
    #[doc = include_str!("../docs/tuning.md")]
    pub mod tuning {}
    #[doc = include_str!("../docs/deployment.md")]
    pub mod deployment {}
}

/// The snippets of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
