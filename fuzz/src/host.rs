//! A token and the shortest honest host: it frames APDUs as CCID, runs jobs, and lets time pass.

use chacha20::ChaCha20Rng;
use firmware::{
    Token,
    fixture::{Holder, SECRET, SharedFlash as Flash, rng},
    profile::Profile,
    seams::Millis,
};
use wire::{
    apdu::{Command, StatusWord},
    ccid::{CommandStatus, ToHost, ToReader, to_reader},
    usb::Setup,
};

/// Bulk OUT, by its number.
pub const OUT: u8 = 1;
/// Bulk IN, by its number.
pub const IN: u8 = 2;

/// The host.
pub struct Host {
    /// The token at the other end.
    pub token: Token<Flash, Holder, ChaCha20Rng>,
    sequence: u8,
    now: u64,
}

impl Host {
    /// Plugs in the token that the flash holds.
    pub fn plug(profile: Profile, flash: Flash) -> Self {
        let token = Token::open(profile, &SECRET, flash, Holder::default(), rng(3));
        let mut host = Self { token, sequence: 0, now: 0 };
        host.begin();
        host
    }

    /// Takes the power away and gives it back, configures the token, and powers the card on.
    pub fn begin(&mut self) {
        self.token.unplug();
        self.token.attach();
        let configure = Setup { request_type: 0, request: 9, value: 1, index: 0, length: 0 };
        self.token.control(configure, &[]).expect("SET_CONFIGURATION 1");
        assert!(self.message(to_reader::ICC_POWER_ON, &[]).is_some(), "an ATR");
    }

    /// Sends one message and waits for its answer; `None` when the reader failed it.
    pub fn message(&mut self, kind: u8, data: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        self.sequence = self.sequence.wrapping_add(1);
        ToReader { kind, slot: 0, sequence: self.sequence, specific: [0; 3], data }.encode(&mut out);
        self.token.bulk_out(OUT, &out).expect("a configured endpoint takes a message");
        for _ in 0..1000 {
            self.work();
            let Some(bytes) = self.token.bulk_in(IN, 70_000).expect("a configured endpoint") else {
                self.now += 500;
                continue;
            };
            let answer = ToHost::parse(&bytes).expect("one whole message");
            match answer.command {
                _ if answer.sequence != self.sequence => {}
                CommandStatus::TimeExtension(_) => {}
                CommandStatus::Done => return Some(answer.data.to_vec()),
                CommandStatus::Failed(_) => return None,
            }
        }
        panic!("no answer comes")
    }

    /// Runs what waits to be run, and tells the time.
    pub fn work(&mut self) {
        self.token.tick(Millis(self.now));
        while let Some(ticket) = self.token.job() {
            self.token.finish(ticket.run());
        }
        self.token.tick(Millis(self.now));
    }

    /// Sends a command APDU as it stands.
    pub fn send(&mut self, apdu: &[u8]) -> (Vec<u8>, StatusWord) {
        let mut answer = self.message(to_reader::XFR_BLOCK, apdu).expect("a powered card answers");
        let status = answer.split_off(answer.len().checked_sub(2).expect("SW1-SW2"));
        (answer, StatusWord(u16::from_be_bytes([status[0], status[1]])))
    }

    /// Sends a command.
    pub fn transmit(&mut self, command: Command<'_>) -> (Vec<u8>, StatusWord) {
        let mut bytes = Vec::new();
        command.expecting(65_536).encode(&mut bytes).expect("it fits");
        self.send(&bytes)
    }
}
