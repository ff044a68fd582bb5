//! The exporting side: importers of this hardserver's modules, and what they ask for.
//!
//! An importer's link ends here, in a task that decrypts; its bytes go on through a pair of Unix sockets to a connection as
//! a client has one. So its jobs are read, bounded, carried out and answered where clients' commands are, by the same
//! workers on the same engines.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use ncore::message::{Command, Header, Reply};
use ncore::profile::FrameLen;
use ncore::types::Status;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use super::kneti::{Kneti, KnetiHash};
use super::message::{AnswerHead, BadMessage, Condition, Facts, JobHead, Request, VERSION};
use super::tls;
use crate::hardserver::clients::Client;
use crate::hardserver::connection::Connection;
use crate::hardserver::dispatch::{Given, begun};
use crate::hardserver::replies::made_objects;
use crate::hardserver::routing::Refusal;
use crate::hardserver::stream::Stream;
use crate::hardserver::worker::{Answer, Begun};
use crate::hardserver::{Hardserver, MAX_CONNECTIONS, StartError};
use crate::job::{self, KeyIds};
use crate::module::support::{Support, check_header, support};
use crate::options::HsClient;
use crate::seed::Streams;

/// Most links at a time, those included that have not yet shown who they are.
const MAX_LINKS: usize = 256;

/// How long an importer may take to show who it is.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long a peer that is refused may go on talking.
const LEAVE: Duration = Duration::from_secs(1);

/// How long accepting pauses when the process has run out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Most clients of one importer: those of its connections, and as many whose end has not arrived yet.
const MAX_CLIENTS: usize = 2 * MAX_CONNECTIONS;

/// Bytes read from a link at a time.
const READ_SIZE: usize = 16 * 1024;

/// The listener for importers. Dropping it ends their links.
#[derive(Debug)]
pub(in crate::hardserver) struct Exporter {
    /// Where it listens.
    pub(in crate::hardserver) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What every link needs.
#[derive(Debug)]
struct Terms {
    kneti: Kneti,
    known: Vec<HsClient>,
    /// How long an importer may be silent.
    broken: Duration,
}

/// An importer's clients, on its connection.
#[derive(Debug)]
pub(in crate::hardserver) struct Guests {
    importer: SocketAddr,
    /// Whether they may use privileged commands.
    privileged: bool,
    /// The module that is imported, from the Hello message on.
    module: OnceLock<Exported>,
    /// The State message that was sent last. Held while one is sent, so that they arrive in order.
    told: Mutex<Vec<u8>>,
    clients: Mutex<HashMap<u64, Arc<Client>>>,
}

#[derive(Debug, Clone, Copy)]
struct Exported {
    /// Its place in the table.
    index: usize,
    /// Its number at the importer.
    number: u32,
}

impl Exporter {
    /// Listens for the importers that the options name. None if they name none.
    pub(in crate::hardserver) fn open(
        server: &Arc<Hardserver>,
        kneti: &Kneti,
    ) -> Result<Option<Exporter>, StartError> {
        let options = &server.options;
        if options.hs_clients.is_empty() {
            return Ok(None);
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(StartError::System)?;
        let guard = runtime.enter();
        let listen = || {
            let listener = std::net::TcpListener::bind(options.impath)?;
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            Ok((tokio::net::TcpListener::from_std(listener)?, address))
        };
        let (listener, address) = listen().map_err(|cause| StartError::Listen {
            place: options.impath.to_string(),
            cause,
        })?;
        drop(guard);
        let terms = Arc::new(Terms {
            kneti: kneti.clone(),
            known: options.hs_clients.clone(),
            broken: options.connect_broken,
        });
        let server = Arc::clone(server);
        let (stop, stopped) = oneshot::channel::<()>();
        let run = move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, terms, server) => {}
                    _ = stopped => {}
                }
            });
        };
        let thread = std::thread::Builder::new()
            .name("export".to_owned())
            .spawn(run)
            .map_err(StartError::System)?;
        Ok(Some(Exporter {
            address,
            stop: Some(stop),
            thread: Some(thread),
        }))
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the exporting thread panicked");
        }
    }
}

async fn accept(listener: tokio::net::TcpListener, terms: Arc<Terms>, server: Arc<Hardserver>) {
    let mut links = tokio::task::JoinSet::new();
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a link");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        while links.try_join_next().is_some() {}
        if links.len() >= MAX_LINKS || server.draining.load(Ordering::SeqCst) {
            tracing::warn!(%peer, "no more links, a new one is closed");
            continue;
        }
        let (terms, server) = (Arc::clone(&terms), Arc::clone(&server));
        links.spawn(async move {
            match link(stream, peer, &terms, &server).await {
                Ok(why) => tracing::info!(%peer, why, "a link to an importer ended"),
                Err(error) => tracing::warn!(%peer, %error, "a link to an importer ended"),
            }
        });
    }
}

/// Serves one importer, or refuses it. Why the link ended.
async fn link(
    stream: tokio::net::TcpStream,
    peer: SocketAddr,
    terms: &Terms,
    server: &Arc<Hardserver>,
) -> std::io::Result<&'static str> {
    let known: Vec<&HsClient> = terms
        .known
        .iter()
        .filter(|known| known.addr.is_none_or(|addr| addr == peer.ip()))
        .collect();
    if known.is_empty() {
        return Ok("no importer is known at this address");
    }
    stream.set_nodelay(true)?;
    let hashes = known.iter().map(|known| known.keyhash).collect();
    let config = tls::exporting(&terms.kneti, peer, hashes).map_err(std::io::Error::other)?;
    let accepted = TlsAcceptor::from(config).accept(stream).into_fallible();
    let tls = match tokio::time::timeout(HANDSHAKE, accepted).await {
        Ok(Ok(tls)) => tls,
        Ok(Err((error, stream))) => {
            take_leave(stream).await;
            return Err(error);
        }
        Err(_) => return Ok("it did not show who it is"),
    };
    let key = tls.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let hash = key.map(|key| KnetiHash::of(key));
    let Some(importer) = known.iter().find(|known| Some(known.keyhash) == hash) else {
        return Ok("it did not show who it is");
    };
    let guests = Guests::new(peer, importer.privileged);
    let (ours, theirs) = tokio::net::UnixStream::pair()?;
    server.accept(Stream::Unix(theirs.into_std()?), false, Some(guests));
    tracing::info!(%peer, keyhash = %importer.keyhash, privileged = importer.privileged, "an importer connected");

    let (mut from_peer, mut to_peer) = tokio::io::split(tls);
    let (mut from_server, mut to_server) = ours.into_split();
    let inward = async {
        let mut buffer = vec![0; READ_SIZE];
        loop {
            // An importer pings every second, and does not let more wait than is read at once.
            let passed = async {
                let count = match from_peer.read(&mut buffer).await {
                    // A process that was killed takes no leave.
                    Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => 0,
                    read => read?,
                };
                to_server.write_all(&buffer[..count]).await?;
                Ok(count)
            };
            match tokio::time::timeout(terms.broken, passed).await {
                Err(_) => return Ok("the importer is silent"),
                Ok(Ok(0)) => return Ok("the importer ended it"),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(error),
            }
        }
    };
    let outward = async {
        tokio::io::copy(&mut from_server, &mut to_peer).await?;
        to_peer.shutdown().await?;
        Ok("this hardserver ended it")
    };
    tokio::select! {
        ended = inward => ended,
        ended = outward => ended,
    }
}

/// Lets a peer that is refused read why: what it says meanwhile would reset the connection.
async fn take_leave(mut stream: tokio::net::TcpStream) {
    let _ = stream.shutdown().await;
    let (mut rest, mut nowhere) = (stream.take(READ_SIZE as u64), tokio::io::sink());
    let read = tokio::io::copy(&mut rest, &mut nowhere);
    let _ = tokio::time::timeout(LEAVE, read).await;
}

impl Guests {
    fn new(importer: SocketAddr, privileged: bool) -> Guests {
        Guests {
            importer,
            privileged,
            module: OnceLock::new(),
            told: Mutex::default(),
            clients: Mutex::default(),
        }
    }

    /// The importer is gone, and its clients with it.
    pub(in crate::hardserver) fn leave(&self) {
        let left = std::mem::take(&mut *self.clients());
        // Dropped here, not under the lock: their objects are cleared away.
        drop(left);
    }

    fn client(&self, client: u64) -> Result<Arc<Client>, BadMessage> {
        let clients = self.clients();
        let client = clients.get(&client);
        client
            .cloned()
            .ok_or(BadMessage::OutOfPlace("an unknown client"))
    }

    fn clients(&self) -> MutexGuard<'_, HashMap<u64, Arc<Client>>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hardserver {
    /// Begins what an importer asks for. None if that is done.
    pub(in crate::hardserver) fn begin_request(
        self: &Arc<Self>,
        connection: &Arc<Connection>,
        guests: &Guests,
        message: &[u8],
    ) -> Result<Option<Begun>, BadMessage> {
        let request = Request::read(message)?;
        if let Request::Hello {
            version,
            number,
            esn,
        } = request
        {
            self.greet(guests, version, number, &esn)?;
            self.tell_state(connection, guests, true);
            return Ok(None);
        }
        let exported = guests.module.get();
        let exported = exported.ok_or(BadMessage::OutOfPlace("no Hello message"))?;
        match request {
            Request::Hello { .. } => {}
            Request::Client { client, hash } => {
                let mut clients = guests.clients();
                if clients.len() >= MAX_CLIENTS || clients.contains_key(&client) {
                    return Err(BadMessage::OutOfPlace("a client too many"));
                }
                clients.insert(client, self.clients.guest(hash));
            }
            Request::Dismiss { client } => {
                let gone = guests.clients().remove(&client);
                drop(gone);
            }
            Request::Forget { client, id } => {
                let client = guests.client(client)?.ordinal();
                self.modules[exported.index].unit.forget_object(client, id);
            }
            Request::Ping => self.tell_state(connection, guests, true),
            Request::Job(head, command) => {
                let begun = self.begin_job(connection, guests, *exported, head, command)?;
                return Ok(Some(begun));
            }
        }
        Ok(None)
    }

    fn greet(
        &self,
        guests: &Guests,
        version: u32,
        number: u32,
        esn: &str,
    ) -> Result<(), BadMessage> {
        if version != VERSION {
            return Err(BadMessage::OutOfPlace("another version of the protocol"));
        }
        // What is imported itself is not passed on.
        let own = |slot: &&crate::hardserver::ModuleSlot| slot.unit.own().is_some();
        let mut own = self.modules.iter().filter(own);
        let slot = own.find(|slot| slot.unit.esn() == esn);
        let slot = slot.ok_or(BadMessage::OutOfPlace("no module of this serial number"))?;
        let index = self.modules.index_of(slot.number);
        let index = index.map_err(|_| BadMessage::OutOfPlace("no module of this number"))?;
        let exported = Exported { index, number };
        let module = slot.number;
        guests
            .module
            .set(exported)
            .map_err(|_| BadMessage::OutOfPlace("a second Hello message"))?;
        tracing::info!(importer = %guests.importer, module, esn, "exported");
        Ok(())
    }

    fn begin_job(
        self: &Arc<Self>,
        connection: &Arc<Connection>,
        guests: &Guests,
        exported: Exported,
        head: JobHead,
        message: &[u8],
    ) -> Result<Begun, BadMessage> {
        self.count_command(connection, message.len());
        let header = Header::peek(message)?;
        if header.tag != head.tag {
            return Err(BadMessage::OutOfPlace("a command of another tag"));
        }
        let client = guests.client(head.client)?;
        let identity = job::Client {
            key_ids: Arc::new(KeyIds::given(head.ids)),
            ..client.identity(head.privileged && guests.privileged)
        };
        let mut answer = Answer {
            connection: Arc::clone(connection),
            client: Some(client),
            header,
            frame_len: FrameLen::Exclusive,
            index: None,
            destroys: None,
            fault: None,
            due: None,
            attempt: None,
        };
        let given = self.read_job(message, head, exported, identity);
        let done = given.and_then(|given| self.give(given, exported.index, &mut answer));
        Ok(begun(answer, done))
    }

    fn read_job(
        &self,
        message: &[u8],
        head: JobHead,
        exported: Exported,
        client: job::Client,
    ) -> Result<Given, Refusal> {
        let command = Command::decode(message, &self.profile).map_err(|error| {
            tracing::debug!(%error, "malformed job");
            self.malformed()
        })?;
        check_header(&command)?;
        match support(command.cmd()) {
            Support::Module(needs) if needs.privileged && !client.privileged => {
                return Err(Status::PrivilegedCommand.into());
            }
            Support::Module(_) => {}
            Support::Refused(status) => return Err(status.into()),
            // The importer's hardserver has these itself.
            Support::Hardserver => return Err(Status::UnknownCommand.into()),
        }
        Ok(Given {
            command,
            number: exported.number,
            client,
            streams: Streams::from_bytes(head.streams),
            length: message.len(),
            before: None,
        })
    }

    /// Tells an importer how its module is: always, or only if that has changed since it was told last.
    fn tell_state(&self, connection: &Connection, guests: &Guests, always: bool) {
        let Some(exported) = guests.module.get() else {
            return;
        };
        let mut told = guests.told.lock().unwrap_or_else(PoisonError::into_inner);
        let mut frame = Vec::new();
        if let Err(error) = self.condition(exported.index).write(&mut frame) {
            tracing::error!(%error, "the state of a module cannot be written");
            return;
        }
        if always || *told != frame {
            // A broken connection is noticed by whoever reads it.
            let _ = connection.send(&frame, &self.poller);
            *told = frame;
        }
    }

    fn condition(&self, index: usize) -> Condition {
        let slot = &self.modules[index];
        loop {
            let epoch = slot.epoch();
            let (mode, switch) = slot.unit.mode();
            let condition = Condition {
                epoch,
                mode,
                switch,
                world: slot.unit.world(),
                enquiry: self.module_facts(slot),
            };
            // All of it belongs to one count of resets.
            if slot.epoch() == epoch {
                return condition;
            }
        }
    }

    /// Appends the frame of a reply to an importer, which learns first how the module is, if that has changed.
    pub(in crate::hardserver) fn encode_for_importer(
        &self,
        answer: &Answer,
        guests: &Guests,
        reply: &Reply,
        out: &mut Vec<u8>,
    ) {
        self.tell_state(&answer.connection, guests, false);
        let facts = match (answer.index, &answer.client) {
            (Some(index), Some(client)) if reply.status == Status::OK => {
                let unit = &self.modules[index].unit;
                let client = client.ordinal();
                made_objects(&reply.body).map(|id| match id {
                    Some(id) => Facts {
                        identity: unit.key_identity(client, id),
                        limited: unit.limits(client, id),
                    },
                    None => Facts::default(),
                })
            }
            _ => <[Facts; 2]>::default(),
        };
        let head = AnswerHead {
            tag: answer.header.tag,
            facts,
        };
        let written = head.write(out, |out| self.encode_message(answer, reply, out));
        if let Err(error) = written {
            tracing::error!(%error, "an answer cannot be written");
        }
    }
}
