//! `mailchute control`: its arguments.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use clap::Args;

/// `mailchute control`.
#[derive(Debug, Args)]
pub struct Control {
    /// Where front-ends fetch their snapshots.
    #[arg(long, default_value_t = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 8443), value_name = "IP:PORT")]
    pub listen: SocketAddr,
    /// Where metrics and health listen.
    #[arg(long, default_value_t = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 9464), value_name = "IP:PORT")]
    pub admin: SocketAddr,
    /// The namespaces whose objects are read; all where none is given.
    #[arg(long, value_delimiter = ',', value_name = "NAMESPACE,…")]
    pub watch_namespaces: Vec<String>,
    /// The audience that front-ends' tokens have to be for.
    #[arg(long, default_value = "mailchute.dev/snapshot", value_name = "AUDIENCE")]
    pub audience: String,
    #[command(flatten)]
    /// Who it is in the cluster.
    pub identity: Identity,
    #[command(flatten)]
    /// What it proves to front-ends with.
    pub certificate: Certificate,
    /// The file that says how to reach the cluster, from outside of it; in a pod its service account does.
    #[arg(long, value_name = "FILE", help_heading = "Cluster")]
    pub kubeconfig: Option<PathBuf>,
    /// The context of that file; its current one where none is given.
    #[arg(long, value_name = "NAME", help_heading = "Cluster")]
    pub context: Option<String>,
}

/// Who a controller is in the cluster.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Identity")]
pub struct Identity {
    /// The Service that front-ends reach it by: its certificate is for `SERVICE.NAMESPACE.svc`.
    #[arg(long, default_value = "mailchute-controller", value_name = "NAME")]
    pub service: String,
    /// Its namespace.
    #[arg(long, env = "POD_NAMESPACE", value_name = "NAMESPACE")]
    pub namespace: String,
    /// Its pod, by which it holds the Lease.
    #[arg(long, env = "POD_NAME", value_name = "NAME")]
    pub pod: String,
    /// The Deployment that owns what it creates, so that it goes with it; nothing does where none is given.
    #[arg(long, value_name = "NAME")]
    pub deployment: Option<String>,
    /// The Lease by which replicas agree who writes status.
    #[arg(long, default_value = "mailchute-controller", value_name = "NAME")]
    pub lease: String,
}

/// What a controller proves to front-ends with who it is.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Certificate")]
pub struct Certificate {
    /// The Secret with its own certificate authority, which the leader makes and rotates.
    #[arg(long, default_value = "mailchute-ca", value_name = "NAME")]
    pub ca_secret: String,
    /// The ConfigMap of each front-end namespace that the authority's certificates are published in.
    #[arg(long, default_value = "mailchute-ca", value_name = "NAME")]
    pub ca_config_map: String,
    /// A further name or address that its own certificate is for, as where it is reached from outside of the cluster.
    #[arg(long, value_name = "NAME", conflicts_with = "serving_certificate")]
    pub certificate_name: Vec<String>,
    /// A folder with tls.crt, tls.key and ca.crt, as cert-manager makes them, instead of an authority of its own. It
    /// is read again when it changes.
    #[arg(long, value_name = "DIR")]
    pub serving_certificate: Option<PathBuf>,
}
