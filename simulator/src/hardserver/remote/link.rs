//! The importing side: the links to exporters, one for each module that is imported.
//!
//! One thread with an asynchronous runtime keeps all of them: it connects, reads what the exporters say, and gives their
//! answers to those who wait. A link that was lost is made again, after pauses that grow.

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use ncore::bignum::BignumOrder;
use ncore::frame::{self, LENGTH_WORD};
use ncore::message::Reply;
use ncore::profile::{FrameLen, WireProfile};
use ncore::types::Status;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_rustls::TlsConnector;

use super::imported::{Imported, Parcel};
use super::kneti::Kneti;
use super::message::{BadMessage, Request, Response, VERSION, link_profile};
use super::tls;
use crate::hardserver::worker::Worker;
use crate::hardserver::{Hardserver, StartError};

/// How often an importer asks how the module is: how old its knowledge may be while nothing else is said.
const PING: Duration = Duration::from_secs(1);

/// How long an exporter may take to show who it is.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// The first pause before a lost link is made again. Each further one is twice as long, up to `connect_retry`.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Messages in line for the socket. Jobs are far fewer, but a client may destroy thousands of objects, and thousands of
/// clients may leave, at once; an exporter that lets more wait does not keep up.
const MAX_UNSENT: usize = 64 * 1024;

/// Threads of each imported module that send what has to wait for something else first.
const MAKERS: usize = 4;

/// The links of a hardserver. Dropping it ends them.
#[derive(Debug)]
pub(in crate::hardserver) struct Links {
    server: Arc<Hardserver>,
    stop: Option<oneshot::Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Message(#[from] BadMessage),
    #[error("{0}")]
    Frame(#[from] frame::BadLength),
    #[error("{0}")]
    Tls(#[from] rustls::Error),
    #[error("the exporter is silent")]
    Silent,
    #[error("the exporter does not keep up")]
    Slow,
    #[error("the exporter is not the module {0}")]
    AnotherModule(String),
}

impl Lost {
    /// What enquiry says of the link.
    fn status(&self) -> Status {
        use rustls::{AlertDescription, Error};

        let tls = match self {
            Lost::Io(error) => error.get_ref().and_then(|error| error.downcast_ref()),
            Lost::Tls(error) => Some(error),
            _ => None,
        };
        match tls {
            Some(Error::AlertReceived(AlertDescription::AccessDenied))
            | Some(Error::InvalidCertificate(_)) => Status::ServerAccessDenied,
            _ => Status::ServerConnectionLost,
        }
    }
}

impl Links {
    /// Begins to keep the links of every module that is imported. `lines` are those of the modules' parcels that wait for
    /// something.
    pub(in crate::hardserver) fn open(
        server: &Arc<Hardserver>,
        kneti: &Kneti,
        lines: Vec<(Arc<Imported>, mpsc::Receiver<Parcel>)>,
    ) -> Result<Links, StartError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(StartError::System)?;
        let (stop, stopped) = oneshot::channel::<()>();
        // From here on the value stops its threads when it is dropped, also on the way out of an error.
        let mut links = Links {
            server: Arc::clone(server),
            stop: Some(stop),
            threads: Vec::new(),
        };
        let mut keepers = Vec::new();
        for (imported, line) in lines {
            let line = Arc::new(Mutex::new(line));
            for number in 0..MAKERS {
                let name = format!("import-{}-{number}", imported.number());
                let mut worker = Worker::new(Arc::clone(server));
                let (imported, line) = (Arc::clone(&imported), Arc::clone(&line));
                links.spawn(name, move || {
                    let next = || line.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    while let Ok(parcel) = next() {
                        worker.prepare_and_send(&imported, parcel);
                    }
                })?;
            }
            keepers.push(keep(Arc::clone(server), kneti.clone(), imported));
        }
        links.spawn("import".to_owned(), move || {
            runtime.block_on(async {
                let mut keeping = tokio::task::JoinSet::new();
                for keeper in keepers {
                    keeping.spawn(keeper);
                }
                let _ = stopped.await;
            });
        })?;
        Ok(links)
    }

    fn spawn(
        &mut self,
        name: String,
        run: impl FnOnce() + Send + 'static,
    ) -> Result<(), StartError> {
        let thread = std::thread::Builder::new().name(name).spawn(run);
        self.threads.push(thread.map_err(StartError::System)?);
        Ok(())
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        drop(self.stop.take());
        for slot in self.server.modules.iter() {
            if let Some(imported) = slot.unit.imported() {
                imported.stop_makers();
                // Nobody is left to be told.
                drop(imported.lost(Status::ServerConnectionLost));
            }
        }
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("an importing thread panicked");
            }
        }
    }
}

/// Keeps the link of one module for as long as the server runs.
async fn keep(server: Arc<Hardserver>, kneti: Kneti, imported: Arc<Imported>) {
    let mut worker = Worker::new(Arc::clone(&server));
    let mut pause = FIRST_PAUSE;
    let mut last = String::new();
    loop {
        let mut connected = false;
        let lost = link(&server, &kneti, &imported, &mut worker, &mut connected).await;
        let (why, status) = match lost {
            Ok(()) => (
                "the exporter ended it".to_owned(),
                Status::ServerConnectionLost,
            ),
            Err(lost) => (lost.to_string(), lost.status()),
        };
        worker.link_lost(&imported, status);
        if connected {
            pause = FIRST_PAUSE;
        }
        // One that stays away is not news each time.
        if connected || why != last {
            tracing::warn!(
                module = imported.number(), exporter = %imported.address(), why, "no link to an imported module"
            );
        }
        last = why;
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(server.options.connect_retry.max(FIRST_PAUSE));
    }
}

/// Makes a link and serves it until it is lost.
async fn link(
    server: &Arc<Hardserver>,
    kneti: &Kneti,
    imported: &Arc<Imported>,
    worker: &mut Worker,
    connected: &mut bool,
) -> Result<(), Lost> {
    let import = imported.import();
    let config = tls::importing(kneti, import.remote, import.keyhash)?;
    let shake_hands = async {
        let stream = TcpStream::connect(import.remote).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::IpAddress(import.remote.ip().into());
        TlsConnector::from(config).connect(name, stream).await
    };
    let shaken = tokio::time::timeout(HANDSHAKE, shake_hands).await;
    let tls = shaken.map_err(|_| Lost::Silent)??;

    let (from_exporter, mut to_exporter) = tokio::io::split(tls);
    let mut hello = Vec::new();
    let greeting = Request::Hello {
        version: VERSION,
        number: imported.number(),
        esn: imported.esn().to_owned(),
    };
    // It is short: it can be written. If it cannot be sent, the exporter has said why.
    let _ = greeting.write(&mut hello);
    let _ = to_exporter.write_all(&hello).await;
    let _ = to_exporter.flush().await;
    let mut frames = Frames::new(from_exporter, &server.profile);
    let first = tokio::time::timeout(HANDSHAKE, frames.next()).await;
    let Some(first) = first.map_err(|_| Lost::Silent)?? else {
        return Ok(());
    };
    let Response::State(condition) = Response::read(first, &server.profile)? else {
        return Err(BadMessage::OutOfPlace("an answer to no job").into());
    };
    if condition.enquiry.one.hardwareserial != imported.esn() {
        return Err(Lost::AnotherModule(imported.esn().to_owned()));
    }
    let (sender, receiver) = tokio::sync::mpsc::channel(MAX_UNSENT);
    imported.connected(sender, condition);
    *connected = true;
    tracing::info!(
        module = imported.number(), esn = imported.esn(), exporter = %import.remote, "imported"
    );

    let broken = server.options.connect_broken;
    let read = async {
        loop {
            let message = tokio::time::timeout(broken, frames.next()).await;
            let Some(message) = message.map_err(|_| Lost::Silent)?? else {
                return Ok(());
            };
            match Response::read(message, &server.profile)? {
                Response::State(condition) => {
                    imported.changed(condition);
                    server.end_what_was_in_work(imported.number());
                }
                Response::Answer(head, reply) => {
                    let reply = Reply::decode(reply, BignumOrder::default(), &server.profile)
                        .map_err(BadMessage::from)?;
                    if let Some(waiter) = imported.answered(head, &reply)? {
                        worker.answered(imported, waiter, reply);
                    }
                }
            }
        }
    };
    tokio::select! {
        lost = read => lost,
        lost = write(receiver, to_exporter) => lost,
    }
}

/// Sends what is in line, and pings.
async fn write(
    mut line: tokio::sync::mpsc::Receiver<Vec<u8>>,
    mut to_exporter: impl AsyncWrite + Unpin,
) -> Result<(), Lost> {
    let mut ping = Vec::new();
    // It is short: it can be written.
    let _ = Request::Ping.write(&mut ping);
    let mut pings = tokio::time::interval(PING);
    pings.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            frames = line.recv() => {
                let frames = frames.ok_or(Lost::Slow)?;
                to_exporter.write_all(&frames).await?;
            }
            _ = pings.tick() => to_exporter.write_all(&ping).await?,
        }
        if line.is_empty() {
            to_exporter.flush().await?;
        }
    }
}

/// The messages that an exporter sends.
struct Frames<R> {
    from: tokio::io::BufReader<R>,
    profile: WireProfile,
    message: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Frames<R> {
    fn new(from: R, profile: &WireProfile) -> Frames<R> {
        Frames {
            from: tokio::io::BufReader::new(from),
            profile: link_profile(profile),
            message: Vec::new(),
        }
    }

    /// The next message. None when the exporter has ended the link.
    async fn next(&mut self) -> Result<Option<&[u8]>, Lost> {
        let mut word = [0; LENGTH_WORD];
        match self.from.read_exact(&mut word).await {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let length = frame::message_len(word, FrameLen::Exclusive, &self.profile)?;
        self.message.resize(length, 0);
        self.from.read_exact(&mut self.message).await?;
        Ok(Some(&self.message))
    }
}
