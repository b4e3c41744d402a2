//! A Signature Version 4 signer for one kind of request: a POST without a query.

use bedrock_emulator::Emulator;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// With which key, for which scope and when a request is signed.
#[derive(Clone)]
pub(crate) struct Signer {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) session_token: Option<String>,
    pub(crate) region: String,
    pub(crate) service: String,
    pub(crate) time: Timestamp,
}

impl Signer {
    pub(crate) fn of(emulator: &Emulator) -> Self {
        Self {
            access_key_id: emulator.access_key_id().into(),
            secret_access_key: emulator.secret_access_key().into(),
            session_token: emulator.session_token().map(Into::into),
            region: emulator.region().into(),
            service: "bedrock".into(),
            time: Timestamp::now(),
        }
    }

    /// The headers that sign a POST of this body to this path, which stands percent-encoded as on the wire.
    pub(crate) fn headers(&self, host: &str, path: &str, body: &[u8]) -> Vec<(&'static str, String)> {
        let date = self.time.strftime("%Y%m%dT%H%M%SZ").to_string();
        let day = &date[..8];
        let mut headers = vec![("host", host.to_owned()), ("x-amz-date", date.clone())];
        if let Some(token) = &self.session_token {
            headers.push(("x-amz-security-token", token.clone()));
        }
        let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let path = path.replace('%', "%25").replace(':', "%3A");
        let canonical = format!("POST\n{path}\n\n{lines}\n{names}\n{}", hex(&Sha256::digest(body)));
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
        let mut key = format!("AWS4{}", self.secret_access_key).into_bytes();
        for part in scope.split('/') {
            key = hmac(&key, part);
        }
        let signature = hex(&hmac(&key, &to_sign));
        let credential = format!("{}/{scope}", self.access_key_id);
        let authorization =
            format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}");
        headers.push(("authorization", authorization));
        headers
    }
}

fn hmac(key: &[u8], data: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(data.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
