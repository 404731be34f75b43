//! Starts clusters, and leaves nothing of them behind.
//!
//! | file | what |
//! | --- | --- |
//! | `tools` | the programs that `tests/tools/build` has built |
//! | `keeper` | processes and folders that end with the process of the tests, however that ends |
//! | `control_plane` | etcd and kube-apiserver on loopback: what a controller needs of a cluster |
//! | `node` | a whole cluster: pods run, Services lead to them, clients come from outside |
//! | `image` | what its pods run |
//! | `network` | its networks, for the sockets of a test |
//! | `controller` | the controller as a process beside a control plane |
//! | `installed` | the chart beside a control plane, its controller with the rights that the chart gives it |
//! | `service` | what leads to several controllers |
//! | `asking` | what a front-end asks it, well or badly |
//! | `crds` | its CRDs, loosened and brought back |
//! | `credentials` | certificates and kubeconfigs |
//! | `release` | the chart, as a Helm installs it |
//! | `backend` | a backend in a pod |
//! | `broker` | nats-server in a pod |
//! | `collector` | an OpenTelemetry collector in a pod |
//! | `operator` | the operator of Prometheus, and a Prometheus of it |
//! | `kubectl` | kubectl, as an administrator uses it |
//! | `token` | tokens that no apiserver would issue |
//! | `audit` | who has asked the apiserver for what |
//! | `meanwhile` | what goes on while a test does something else |

#![allow(dead_code, unused_imports, reason = "tests of a part of the program stand on a part of it")]

pub(crate) mod asking;
pub(crate) mod audit;
pub(crate) mod backend;
pub(crate) mod broker;
pub(crate) mod collector;
pub(crate) mod control_plane;
pub(crate) mod controller;
mod crds;
mod credentials;
pub(crate) mod image;
pub(crate) mod installed;
pub(crate) mod keeper;
pub(crate) mod kubectl;
pub(crate) mod meanwhile;
pub(crate) mod network;
pub(crate) mod node;
pub(crate) mod operator;
pub(crate) mod release;
pub(crate) mod service;
mod token;
pub(crate) mod tools;

pub(crate) use control_plane::ControlPlane;
pub(crate) use controller::Controller;
pub(crate) use node::Node;
