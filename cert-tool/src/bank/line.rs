//! A line to a bank that ends at a moment, whatever it carries. A bank that sends a byte now and then gets no more time than others, in the
//! handshake of TLS neither.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

/// The line, and its end.
pub(super) struct Line {
    stream: TcpStream,
    end: Instant,
}

impl Line {
    /// Dials the first of these places that answers. The line ends so long after this call began. A place that says nothing leaves the others
    /// their part of the time.
    pub(super) fn dial(places: &[SocketAddr], patience: Duration) -> io::Result<Self> {
        let end = Instant::now() + patience;
        let mut last = io::Error::other("it has no address");
        for (place, those_left) in
            places.iter().zip((1..=u32::try_from(places.len()).unwrap_or(u32::MAX)).rev())
        {
            match left_until(end).and_then(|left| TcpStream::connect_timeout(place, left / those_left)) {
                Ok(stream) => return Ok(Self { stream, end }),
                Err(fault) => last = fault,
            }
        }
        Err(last)
    }
}

/// A time-out of zero is refused by the system.
fn left_until(end: Instant) -> io::Result<Duration> {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(over()) } else { Ok(left) }
}

fn over() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the time for an answer is over")
}

/// A socket's time-out comes as this error (socket(7), SO_RCVTIMEO).
fn told<T>(done: io::Result<T>) -> io::Result<T> {
    done.map_err(|fault| if fault.kind() == io::ErrorKind::WouldBlock { over() } else { fault })
}

impl Read for Line {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(left_until(self.end)?))?;
        told(self.stream.read(into))
    }
}

impl Write for Line {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(left_until(self.end)?))?;
        told(self.stream.write(from))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    /// The bank sends a byte every few milliseconds for a minute, so that no single read takes long.
    #[test]
    fn a_bank_that_drips_gets_no_more_time() {
        let bank = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = bank.local_addr().unwrap();
        let drips = thread::spawn(move || {
            let (mut stream, _) = bank.accept().unwrap();
            for _ in 0..6000 {
                // The other end hangs up once its time is over.
                if stream.write_all(b"x").is_err() {
                    return;
                }
                thread::sleep(Duration::from_millis(10));
            }
        });
        let mut line = Line::dial(&[place], Duration::from_secs(60)).unwrap();
        line.end = Instant::now() + Duration::from_millis(200);
        let fault = line.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(fault.kind(), io::ErrorKind::TimedOut);
        assert_eq!(line.write(b"x").unwrap_err().kind(), io::ErrorKind::TimedOut);
        drop(line);
        drips.join().unwrap();
    }

    #[test]
    fn a_bank_that_is_silent_gets_its_time() {
        let bank = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = bank.local_addr().unwrap();
        let mut line = Line::dial(&[place], Duration::from_secs(60)).unwrap();
        line.end = Instant::now() + Duration::from_millis(50);
        let end = line.end;
        assert_eq!(line.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(Instant::now() >= end, "the bank had less than its time");
        assert!(
            Line::dial(&[place], Duration::ZERO).is_err() && Line::dial(&[], Duration::from_secs(1)).is_err()
        );
    }
}
