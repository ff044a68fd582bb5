//! A client of the control channel, for the command line and for harnesses.

use axum::body::Body;
use http_body_util::BodyExt as _;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::{Access, api};

/// Why a request brought nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody answers on the socket.
    #[error("no daemon answers on {0}: {1}")]
    NoDaemon(std::path::PathBuf, std::io::Error),
    /// The daemon says why it does not do that.
    #[error("{0}")]
    Refused(String),
    /// The daemon cannot be understood.
    #[error("the control channel: {0}")]
    Transport(String),
}

/// A client. Each request is a connection of its own.
#[derive(Debug, Clone)]
pub struct Client {
    access: Access,
}

impl Client {
    /// A client of the daemon that is reached like this.
    pub fn new(access: Access) -> Client {
        Client { access }
    }

    /// Asks (GET).
    ///
    /// # Errors
    /// As [`Error`].
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.send(Method::GET, path, Body::empty())
    }

    /// Lets something be done (POST).
    ///
    /// # Errors
    /// As [`Error`].
    pub fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Error> {
        self.send(Method::POST, path, json(body)?)
    }

    /// Puts something somewhere (PUT).
    ///
    /// # Errors
    /// As [`Error`].
    pub fn put<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Error> {
        self.send(Method::PUT, path, json(body)?)
    }

    /// Takes something away (DELETE).
    ///
    /// # Errors
    /// As [`Error`].
    pub fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.send(Method::DELETE, path, Body::empty())
    }

    /// Asks for bytes (GET).
    ///
    /// # Errors
    /// As [`Error`].
    pub fn download(&self, path: &str) -> Result<Vec<u8>, Error> {
        self.answer(Method::GET, path, Body::empty())
    }

    /// Puts bytes somewhere (PUT).
    ///
    /// # Errors
    /// As [`Error`].
    pub fn upload<T: DeserializeOwned>(&self, path: &str, bytes: Vec<u8>) -> Result<T, Error> {
        self.send(Method::PUT, path, Body::from(bytes))
    }

    fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<T, Error> {
        serde_json::from_slice(&self.answer(method, path, body)?).map_err(transport)
    }

    fn answer(&self, method: Method, path: &str, body: Body) -> Result<Vec<u8>, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .map_err(transport)?;
        let (status, answer) = runtime.block_on(self.exchange(method, path, body))?;
        if status.is_success() {
            return Ok(answer);
        }
        match serde_json::from_slice::<api::Failure>(&answer) {
            Ok(failure) => Err(Error::Refused(failure.error)),
            Err(_) => Err(Error::Refused(format!(
                "{status}: {}",
                String::from_utf8_lossy(&answer)
            ))),
        }
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<(StatusCode, Vec<u8>), Error> {
        let socket = &self.access.socket;
        let stream = UnixStream::connect(socket)
            .await
            .map_err(|error| Error::NoDaemon(socket.clone(), error))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(transport)?;
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "localhost")
            .header(AUTHORIZATION, format!("Bearer {}", self.access.token))
            .header(CONTENT_TYPE, "application/json")
            .body(body)
            .map_err(transport)?;
        let answer = sender.send_request(request).await.map_err(transport)?;
        let status = answer.status();
        let bytes = answer.into_body().collect().await.map_err(transport)?;
        Ok((status, bytes.to_bytes().to_vec()))
    }
}

fn json(body: &impl Serialize) -> Result<Body, Error> {
    serde_json::to_vec(body).map(Body::from).map_err(transport)
}

fn transport(error: impl std::fmt::Display) -> Error {
    Error::Transport(error.to_string())
}
