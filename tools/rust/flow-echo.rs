// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
//! flow-echo serve NAME: serve NAME, and echo the messages of each flow.
//! flow-echo ask NAME [COUNT]: send COUNT messages to NAME, wait for the echo of
//! each, and print the shortest and the median round trip.
//!
//! Needs the standard library only. `make` runs this command:
//!
//!     rustc --edition 2021 -O flow-echo.rs
//!
//! See ipcp_rekey(4) for the calls.

use std::ffi::{c_int, c_ulong};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::mem::{offset_of, size_of, zeroed};
use std::os::fd::{AsRawFd, FromRawFd};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

const DEVICE: &str = "/dev/ipcp_rekey";
const NAME_LEN: usize = 255;
const REASON_LEN: usize = 128;
/// Length of the longest message, in bytes.
const MESSAGE_LEN: usize = 65536;

/// Numbers of ioctls: _IO(IPCP_IOC_TYPE, n) of <linux/ipcp_rekey.h>.
const IOC_ALLOC: c_ulong = 0xE701;
const IOC_LISTEN: c_ulong = 0xE702;
const IOC_ACCEPT: c_ulong = 0xE703;
const IOC_GET_INFO: c_ulong = 0xE705;

const ESHUTDOWN: i32 = 108;

extern "C" {
    fn ioctl(fd: c_int, request: c_ulong, ...) -> c_int;
}

/// struct ipcp_qos
#[repr(C)]
#[derive(Default)]
struct Qos {
    bandwidth: u64,
    delay: u32,
    loss: u32,
    ber: u32,
    max_gap: u32,
    timeout: u32,
    availability: u8,
    in_order: u8,
    reserved: [u8; 2],
}

/// struct ipcp_alloc
#[repr(C)]
#[derive(Default)]
struct Alloc {
    size: u32,
    flags: u32,
    name: u64,
    name_len: u32,
    reserved: u32,
    timeout: i64,
    qos: Qos,
}

/// struct ipcp_listen
#[repr(C)]
struct Listen {
    size: u32,
    flags: u32,
    name: u64,
    name_len: u32,
    backlog: u32,
}

/// struct ipcp_accept
#[repr(C)]
struct Accept {
    size: u32,
    flags: u32,
    timeout: i64,
    qos: Qos,
    authenticated: u32,
    reserved: u32,
    peer_name: [u8; NAME_LEN + 1],
}

/// struct ipcp_info
#[repr(C)]
struct Info {
    size: u32,
    state: u32,
    id: u32,
    cipher: u32,
    rb_flags: u32,
    mtu: u32,
    epochs: [u8; 3],
    initiator: u8,
    tx_leaf: u32,
    rx_leaf: u32,
    packets_per_leaf: u32,
    peer_timeout: u32,
    error: u32,
    counters: [u64; 15],
    queued: u32,
    mtu_confirmed: u32,
    reason: [u8; REASON_LEN],
    name: [u8; NAME_LEN + 1],
    peer_name: [u8; NAME_LEN + 1],
    authenticated: u32,
    reserved2: u32,
}

const _: () = assert!(size_of::<Qos>() == 32);
const _: () = assert!(size_of::<Alloc>() == 64);
const _: () = assert!(size_of::<Listen>() == 24);
const _: () = assert!(size_of::<Accept>() == 312);
const _: () = assert!(size_of::<Info>() == 824);
const _: () = assert!(offset_of!(Info, reason) == 176);

impl Accept {
    fn new() -> Accept {
        // SAFETY: integers and arrays of integers, for which zero is valid.
        let zero: Accept = unsafe { zeroed() };
        Accept {
            size: size_of::<Accept>() as u32,
            ..zero
        }
    }
}

impl Info {
    fn new() -> Info {
        // SAFETY: as in Accept::new().
        let zero: Info = unsafe { zeroed() };
        Info {
            size: size_of::<Info>() as u32,
            ..zero
        }
    }
}

/// Issue an ioctl with a structure that the kernel reads and may fill in.
fn call<T>(file: &File, request: c_ulong, arg: &mut T) -> io::Result<c_int> {
    // SAFETY: the kernel accesses arg.size bytes of arg, which is the size of T,
    // and the name that arg points to, which the caller keeps alive.
    let ret = unsafe { ioctl(file.as_raw_fd(), request, arg as *mut T) };
    if ret < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(ret)
}

fn open() -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(DEVICE)
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// Add the reason of the kernel, if there is one, to an error.
fn explain(file: &File, err: io::Error) -> io::Error {
    let mut info = Info::new();

    if call(file, IOC_GET_INFO, &mut info).is_err() || info.reason[0] == 0 {
        return err;
    }
    io::Error::new(err.kind(), format!("{}: {}", err, text(&info.reason)))
}

/// Request a flow to a name, and wait for the flow.
fn connect(name: &str) -> io::Result<File> {
    let file = open()?;
    let mut arg = Alloc {
        size: size_of::<Alloc>() as u32,
        name: name.as_ptr() as u64,
        name_len: name.len() as u32,
        // Flows do not retransmit: loss must be acceptable.
        qos: Qos {
            loss: 1,
            ber: 1,
            ..Qos::default()
        },
        ..Alloc::default()
    };

    match call(&file, IOC_ALLOC, &mut arg) {
        Ok(_) => Ok(file),
        Err(err) => {
            let err = explain(&file, err);
            Err(io::Error::new(
                err.kind(),
                format!("no flow to {name}: {err}"),
            ))
        }
    }
}

/// Serve a name.
fn listen(name: &str) -> io::Result<File> {
    let file = open()?;
    let mut arg = Listen {
        size: size_of::<Listen>() as u32,
        flags: 0,
        name: name.as_ptr() as u64,
        name_len: name.len() as u32,
        backlog: 0,
    };

    call(&file, IOC_LISTEN, &mut arg)?;
    Ok(file)
}

/// Wait for the next flow of a served name. Return the flow and the peer's name.
fn accept(listener: &File) -> io::Result<(File, String)> {
    let mut arg = Accept::new();
    let fd = call(listener, IOC_ACCEPT, &mut arg)?;
    let peer = match arg.authenticated {
        1 => text(&arg.peer_name),
        _ => "a peer without a proved name".to_string(),
    };

    // SAFETY: the descriptor is new, and has no other owner.
    Ok((unsafe { File::from_raw_fd(fd) }, peer))
}

/// Send one message. The kernel takes it whole or not at all.
fn send(flow: &mut File, message: &[u8]) -> io::Result<()> {
    match flow.write(message)? {
        len if len == message.len() => Ok(()),
        _ => Err(io::ErrorKind::WriteZero.into()),
    }
}

/// Echo messages until the flow ends.
fn echo(mut flow: File) -> io::Result<()> {
    let mut buf = vec![0; MESSAGE_LEN];

    loop {
        // One read is one message; 0 is an empty message, not the end.
        match flow.read(&mut buf) {
            Ok(len) => send(&mut flow, &buf[..len])?,
            Err(err) if err.raw_os_error() == Some(ESHUTDOWN) => return Ok(()),
            Err(err) => return Err(err),
        };
    }
}

fn serve(name: &str) -> io::Result<()> {
    let listener = listen(name)?;

    loop {
        let (flow, peer) = accept(&listener)?;
        println!("a flow from {peer}");
        thread::spawn(move || {
            if let Err(err) = echo(flow) {
                eprintln!("flow-echo: a flow from {peer} broke: {err}");
            }
        });
    }
}

fn ask(name: &str, count: usize) -> io::Result<()> {
    let mut flow = connect(name)?;
    let mut buf = vec![0; MESSAGE_LEN];
    let mut times: Vec<Duration> = Vec::new();

    for number in 0..count as u64 {
        let start = Instant::now();
        send(&mut flow, &number.to_ne_bytes()).map_err(|err| explain(&flow, err))?;
        let len = flow.read(&mut buf).map_err(|err| explain(&flow, err))?;
        if buf[..len] != number.to_ne_bytes() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "another message came back",
            ));
        }
        times.push(start.elapsed());
    }
    times.sort();
    println!(
        "{count} round trips: {:.1} us at least, median {:.1} us",
        times[0].as_nanos() as f64 / 1000.0,
        times[count / 2].as_nanos() as f64 / 1000.0
    );
    Ok(())
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match args[..] {
        ["serve", name] => serve(name),
        ["ask", name] => ask(name, 1000),
        ["ask", name, count] => match count.parse() {
            Ok(count) if count > 0 => ask(name, count),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "COUNT is a number above 0",
            )),
        },
        _ => {
            eprintln!("Usage: flow-echo serve NAME | ask NAME [COUNT]");
            return ExitCode::from(2);
        }
    };

    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("flow-echo: {err}");
            ExitCode::FAILURE
        }
    }
}
