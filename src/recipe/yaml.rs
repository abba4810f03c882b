//! How YAML is read. Whoever wrote it may want it to cost us dearly, so there is a budget.

use serde::Deserialize;
use serde_saphyr::{Error, NonFiniteFloatPolicy, Options};

/// Bytes at the most in a file: the largest recipe that envbox carries has some 3 KiB.
pub const LARGEST: usize = 256 << 10;

/// Maps and lists in one another at the most; the schema needs seven.
const DEEPEST: usize = 24;

/// Nodes and what else a parser reports, at the most.
const MOST: usize = 50_000;

/// Aliases, and the nodes that they stand for all in all, at the most: enough to write something once, and too few for a
/// document that grows when it is read.
const ALIASES: usize = 64;
const REPLAYED: usize = 4096;

/// Reads a value from a document, which has to be the only one of its text.
///
/// # Errors
/// It is no YAML, not of the type, or beyond the budget.
pub(super) fn read<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, Error> {
    serde_saphyr::from_str_with_options(text, options())
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_reader_input_bytes: Some(LARGEST),
            max_events: MOST,
            max_nodes: MOST,
            max_depth: DEEPEST,
            max_documents: 1,
            max_total_scalar_bytes: LARGEST,
            max_aliases: ALIASES,
            max_anchors: ALIASES,
            max_merge_keys: ALIASES,
            max_recorded_anchor_events: REPLAYED,
            max_recorded_anchor_bytes: LARGEST,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: REPLAYED,
            max_replay_stack_depth: DEEPEST,
        },
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        // `y`, `yes` and `on` are words, as in YAML 1.2 and for editors.
        strict_booleans: true,
        with_snippet: false,
        emit_comments: false,
    }
}
