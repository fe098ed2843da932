//! Checking a sealed segment: whether everything in it is what was sealed.

use std::collections::BTreeMap;

use super::{ENTRY_LEN, SealedSegment, Span, line};
use crate::cipher::{Chain, Link};
use crate::error::Error;
use crate::event::RequestId;

/// What was found so far.
struct Check<'a> {
    sealed: &'a SealedSegment,
    chain: Chain,
    link: Link,
    /// Events of the live blocks still to come, the next one last.
    live_blocks: Vec<u32>,
    span: Option<Span>,
    text_bytes: u64,
    index: Vec<[u8; ENTRY_LEN]>,
    /// Links that are expected behind events, in hex, and were not met yet.
    anchors: &'a mut BTreeMap<u64, String>,
}

// === impl SealedSegment ===

impl SealedSegment {
    /// Reads everything, links the chain anew and compares it, the index and the table with what the blocks hold.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.check_with(&mut BTreeMap::new())
    }

    /// The same. Of `anchors`, which says what link is expected behind some events, in hex, it leaves those that are not met.
    pub(crate) fn check_with(&self, anchors: &mut BTreeMap<u64, String>) -> Result<(), Error> {
        let mut live_blocks = self.links()?;
        live_blocks.reverse();
        let (chain, link) = (self.key.chain(), self.start());
        let index = Vec::new();
        let mut check = Check { sealed: self, chain, link, live_blocks, span: None, text_bytes: 0, index, anchors };
        for window in 0..self.windows() {
            check.window(window)?;
        }
        check.finish()
    }
}

// === impl Check ===

impl Check<'_> {
    fn window(&mut self, window: u32) -> Result<(), Error> {
        let blocks = self.sealed.blocks_of_window(window);
        let texts = blocks.clone().map(|number| self.sealed.read_block(number)).collect::<Result<Vec<_>, _>>()?;
        let mut lines = Vec::new();
        let mut before = None;
        for (number, text) in blocks.zip(&texts) {
            self.text_bytes += text.len() as u64;
            for line in text.split_inclusive('\n') {
                let seq = line::seq(line).ok_or_else(|| self.sealed.no_event(number))?;
                let request = line::request(line);
                let place = Some((request, seq));
                if place <= before {
                    return Err(self.sealed.damaged(Some(number), "its lines are not in order".to_owned()));
                }
                before = place;
                self.index_line(request, number);
                lines.push((seq, line, number));
            }
        }
        lines.sort_unstable_by_key(|(seq, ..)| *seq);
        let bounds = lines.first().zip(lines.last()).map(|((first, ..), (last, ..))| (*first, *last));
        let window = &self.sealed.table.windows[window as usize];
        if bounds != Some((window.first_seq, window.last_seq)) {
            return Err(self.wrong("the events of a window"));
        }
        for (seq, line, number) in &lines {
            let at = line::at(line).ok_or_else(|| self.sealed.no_event(*number))?;
            if !self.span.get_or_insert_with(|| Span::before(*seq, at)).add(*seq, at) {
                return Err(self.sealed.damaged(Some(*number), format!("it holds event {seq} a second time")));
            }
        }
        self.link_lines(&lines.into_iter().map(|(_, line, _)| line).collect::<Vec<_>>())
    }

    /// Adds the link of each live block in `lines`, the lines of a window.
    fn link_lines(&mut self, mut lines: &[&str]) -> Result<(), Error> {
        while !lines.is_empty() {
            let events = self.live_blocks.pop().unwrap_or_default();
            let Some((block, rest)) = lines.split_at_checked(events as usize).filter(|_| events > 0) else {
                return Err(self.wrong("the number of events of a live block"));
            };
            self.link = self.chain.link(self.link, events, block.concat().as_bytes());
            let last_seq = block.last().copied().and_then(line::seq).unwrap_or_default();
            if self.anchors.get(&last_seq).is_some_and(|anchored| *anchored == self.link.to_string()) {
                self.anchors.remove(&last_seq);
            }
            lines = rest;
        }
        Ok(())
    }

    fn index_line(&mut self, request: Option<RequestId>, number: u32) {
        let Some(id) = request else { return };
        let mut entry = [0; ENTRY_LEN];
        entry[..16].copy_from_slice(id.as_bytes());
        entry[16..].copy_from_slice(&number.to_be_bytes());
        if self.index.last() != Some(&entry) {
            self.index.push(entry);
        }
    }

    fn finish(mut self) -> Result<(), Error> {
        if self.link != self.sealed.head() {
            return Err(self
                .sealed
                .damaged(None, "its events do not lead to the link that its table ends with".to_owned()));
        }
        let table = &self.sealed.table;
        if self.span != Some(table.span) || self.text_bytes != table.text_bytes || !self.live_blocks.is_empty() {
            return Err(self.wrong("the totals"));
        }
        self.index.sort_unstable();
        if self.index.as_flattened() != self.sealed.index()? {
            return Err(self.sealed.damaged(None, "its index does not name the requests in its blocks".to_owned()));
        }
        Ok(())
    }

    /// The table says something else of `what` than the blocks.
    fn wrong(&self, what: &str) -> Error {
        self.sealed.damaged(None, format!("its table does not tell {what} as the blocks do"))
    }
}
