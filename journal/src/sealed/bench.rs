use super::*;
use crate::cipher::*;
use crate::event::RequestId;
use std::time::Instant;

pub(super) struct Rng(pub u64);
impl Rng {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545F4914F6CDD1D) >> 11
    }
}
struct Req {
    id: String,
    hex: String,
    thread: String,
    turn: String,
    created: u64,
    left: u32,
    n: u32,
}

pub(super) fn generate(events: u64) -> (Vec<String>, Vec<RequestId>) {
    const WORDS: &str = "the of and to in is that for it as was with be by on not he this are or his from at which but have an had they you were their one all we can her has there been if more when will would who so no said what up its about into than them could only other time new some these two may then do first any my now such like our over man me even most made after also did many before must through back years where much your way well down should because each just those people mr how too little state good very make world still own see men work long get here between both life being under never day same another know while last might us great old year off come since against go came right used take three";
    let words: Vec<&str> = WORDS.split(' ').collect();
    let mut rng = Rng(88172645463325252);
    let mut live: Vec<Req> = Vec::new();
    let mut blocks = Vec::new();
    let mut ids = Vec::new();
    let mut block = String::new();
    let mut ms: i64 = 1_795_000_000_000;
    let mut seq = 0;
    while seq < events {
        if seq % 3 == 0 {
            ms += 1;
        }
        let us = rng.next() % 1_000_000;
        let at = Timestamp::from_nanosecond(i128::from(ms) * 1_000_000 + i128::from(us)).unwrap();
        seq += 1;
        let (id, body);
        if live.len() < 32 {
            let a = rng.next();
            let b = rng.next();
            let c = rng.next();
            let rid = format!(
                "{:08x}-{:04x}-7{:03x}-8{:03x}-{:012x}",
                ms >> 16,
                ms & 0xffff,
                a & 0xfff,
                b & 0xfff,
                c & 0xffff_ffff_ffff
            );
            let hex = rid.replace('-', "");
            let req = Req {
                id: rid.clone(),
                hex,
                thread: format!(
                    "01{:06x}-{:04x}-7{:03x}-9{:03x}-{:012x}",
                    rng.next() & 0xffffff,
                    rng.next() & 0xffff,
                    rng.next() & 0xfff,
                    rng.next() & 0xfff,
                    rng.next() & 0xffffffffffff
                ),
                turn: format!(
                    "01{:06x}-{:04x}-7{:03x}-9{:03x}-{:012x}",
                    rng.next() & 0xffffff,
                    rng.next() & 0xffff,
                    rng.next() & 0xfff,
                    rng.next() & 0xfff,
                    rng.next() & 0xffffffffffff
                ),
                created: ms as u64 / 1000,
                left: 60 + (rng.next() % 80) as u32,
                n: 0,
            };
            ids.push(rid.parse().unwrap());
            let prompt: String =
                (0..100).map(|_| words[(rng.next() % words.len() as u64) as usize]).collect::<Vec<_>>().join(" ");
            body = format!(
                r#""type":"request.received","data":{{"method":"POST","route":"/v1/chat/completions","target":"/v1/chat/completions","key":"key-1","peer":"10.0.3.{}:{}","headers":[["host","api.example.com"],["user-agent","OpenAI/Python 1.55.0"],["content-type","application/json"],["authorization","[redacted]"]],"body":{{"model":"gpt-5-codex","stream":true,"messages":[{{"role":"user","content":"{prompt}"}}]}}}}}}"#,
                rng.next() % 250,
                30000 + rng.next() % 30000
            );
            id = rid;
            live.push(req);
        } else {
            let i = (rng.next() % live.len() as u64) as usize;
            let req = &mut live[i];
            id = req.id.clone();
            let word = words[(req.n / 2 * 31 + (rng.next() % 40) as u32) as usize % words.len()];
            body = if req.n % 2 == 0 {
                format!(
                    r#""type":"rpc.received","data":{{"worker":"w{}","frame":{{"jsonrpc":"2.0","method":"item/agentMessage/delta","params":{{"threadId":"{}","turnId":"{}","itemId":"msg_{}","delta":" {word}"}}}}}}}}"#,
                    i % 4,
                    req.thread,
                    req.turn,
                    &req.hex[..20]
                )
            } else {
                format!(
                    r#""type":"response.chunk","data":{{"bytes":"data: {{\"id\":\"chatcmpl-{}\",\"object\":\"chat.completion.chunk\",\"created\":{},\"model\":\"gpt-5-codex\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\" {word}\"}},\"logprobs\":null,\"finish_reason\":null}}]}}\n\n"}}}}"#,
                    req.hex, req.created
                )
            };
            req.n += 1;
            if req.n >= req.left {
                live.swap_remove(i);
            }
        }
        let line = format!("{{\"seq\":{seq},\"at\":\"{at}\",\"request\":\"{id}\",{body}\n");
        if block.len() + line.len() > 128 * 1024 {
            blocks.push(std::mem::take(&mut block));
        }
        block.push_str(&line);
    }
    blocks.push(block);
    (blocks, ids)
}

#[test]
#[ignore = "measures"]
fn bench() {
    let n: u64 = std::env::var("N").ok().and_then(|n| n.parse().ok()).unwrap_or(400_000);
    let (blocks, ids) = generate(n);
    let text: usize = blocks.iter().map(String::len).sum();
    println!("{} B/event, {} MB, {} requests", text as u64 / n, text / 1_000_000, ids.len());
    println!("{}", blocks[3].lines().take(3).collect::<Vec<_>>().join("\n"));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sealed");
    let key = DataKey::generate();
    let t = Instant::now();
    let mut w = SealedWriter::create(&path, "seg", &key, Link::ORIGIN).unwrap();
    for b in &blocks {
        w.push(b).unwrap();
    }
    let info = w.finish().unwrap();
    let s = t.elapsed().as_secs_f64();
    println!("seal {:.2} s {:.0} MB/s; {:.2} B/event", s, text as f64 / s / 1e6, info.file_bytes as f64 / n as f64);
    let t = Instant::now();
    assert_eq!(digest_of(&path).unwrap(), info.digest);
    println!("digest {:?}", t.elapsed());
    let mut worst = std::time::Duration::ZERO;
    let mut sum = worst;
    let mut c = 0;
    for id in ids.iter().step_by(ids.len() / 100) {
        let t = Instant::now();
        let s = SealedSegment::open(&path, "seg", &key).unwrap();
        let lines = s.request_lines(*id).unwrap();
        let d = t.elapsed();
        assert!(!lines.is_empty());
        worst = worst.max(d);
        sum += d;
        c += 1;
    }
    println!("open+request_lines mean {:?} worst {:?}", sum / c, worst);
    let t = Instant::now();
    let s = SealedSegment::open(&path, "seg", &key).unwrap();
    println!("open {:?}", t.elapsed());
    let t = Instant::now();
    s.index().unwrap();
    println!("index {:?} {} bytes, footer: index {} links {} table {}", t.elapsed(), s.index().unwrap().len(), 0, 0, 0);
    let t = Instant::now();
    let mut got = 0;
    for w in 0..s.windows() {
        got += s.read_window(w).unwrap().text.len();
    }
    println!(
        "read_window {:?} each, {:.0} MB/s",
        t.elapsed() / s.windows(),
        got as f64 / t.elapsed().as_secs_f64() / 1e6
    );
    let t = Instant::now();
    let mut got = 0;
    for w in 0..info.blocks {
        got += s.read_block(w).unwrap().len();
    }
    println!(
        "read_block {:?} each, {:.0} MB/s",
        t.elapsed() / info.blocks,
        got as f64 / t.elapsed().as_secs_f64() / 1e6
    );
    let t = Instant::now();
    s.check().unwrap();
    println!("check {:.0} MB/s", got as f64 / t.elapsed().as_secs_f64() / 1e6);
    let l = blocks[3].lines().next().unwrap();
    let t = Instant::now();
    let mut x = 0;
    for b in &blocks {
        for l in b.lines() {
            x += line::seq(l).unwrap() + u64::from(line::request(l).is_some()) + u64::from(line::at(l).is_some());
        }
    }
    println!("line prefix {:?} per line, all three {x} {}", t.elapsed() / n as u32, l.len());
}
