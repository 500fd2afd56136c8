import Synchronization
import SystemPackage
@testable import DurableFiles
import TestSupport

/// A disk in memory that fails in every way that POSIX allows. A power cut may lose, keep or trash unsynced data, and names in
/// different folders in any order. A failed fsync discards the data. A write may write a part of its bytes. A seed decides.
///
/// A change of a name is atomic, also a rename between folders (every journal gives that). It is durable once either folder is
/// synced. Changes of one name keep their order.
final class ModelDisk: FileCalls {
    /// A fault at a changing call, counted from 1.
    enum Fault: Equatable {
        case none
        /// From this call on all calls fail; `after`: this one still takes effect.
        case death(at: Int, after: Bool)
        /// `count` calls fail, from this one on.
        case errors(at: Int, count: Int, number: Errno)
        /// `count` reading calls fail, from this call on.
        case blindness(at: Int, count: Int, number: Errno)
    }

    private struct Node {
        var isDirectory = false
        var bytes: [UInt8] = []
        /// The content that survives a power cut for sure.
        var synced: [UInt8] = []
        /// An fsync has failed: its data is lost, even if a later fsync succeeds.
        var isLost = false
        var entries: [String: Int] = [:]
        var syncedEntries: [String: Int] = [:]
    }

    private struct Name: Hashable {
        var folder: Int
        var name: String
    }

    /// A change of names that is not durable yet: the new targets of the names.
    private struct Change {
        var names: [(at: Name, node: Int?)]
    }

    private struct State {
        var nodes: [Int: Node] = [0: Node(isDirectory: true)]
        var pending: [Change] = []
        var open: [Int32: Int] = [:]
        var next = 1
        var calls = 0
        var lives = 0
        /// Reading calls since the current fault is due.
        var looks = 0
        var fault = Fault.none
        var isDead = false
        var chance: Chance
    }

    private let state: Mutex<State>
    /// Folders below the root that are file systems of their own.
    private let devices: Set<String>

    init(seed: UInt64, devices: Set<String> = []) {
        state = Mutex(State(chance: Chance(seed)))
        self.devices = devices
    }

    // MARK: - Control by tests

    /// The number of changing calls so far.
    var calls: Int { state.withLock { $0.calls } }
    var isDead: Bool { state.withLock { $0.isDead } }
    /// The number of processes so far.
    var lives: Int { state.withLock { $0.lives } }

    /// Starts a new process with its fault.
    func restart(_ fault: Fault) {
        state.withLock { state in
            (state.calls, state.fault, state.isDead, state.open) = (0, fault, false, [:])
            state.lives += 1
            state.looks = 0
        }
    }

    /// Adds a durable file, as a user does.
    func drop(_ path: String, _ bytes: [UInt8]) {
        state.withLock { state in
            var folder = 0
            let words = path.split(separator: "/").map(String.init)
            for (i, word) in words.enumerated() {
                let isLast = i == words.count - 1
                let node = state.nodes[folder]?.entries[word] ?? state.next
                if node == state.next {
                    state.next += 1
                    state.nodes[node] = Node(
                        isDirectory: !isLast, bytes: isLast ? bytes : [], synced: isLast ? bytes : [])
                    state.nodes[folder]?.entries[word] = node
                    state.nodes[folder]?.syncedEntries[word] = node
                }
                folder = node
            }
        }
    }

    /// Cuts the power: chance decides about unsynced changes.
    func cutPower() { state.withLock { Self.cutPower(&$0) } }

    private static func cutPower(_ state: inout State) {
        var kept: Set<Int> = []
        let inOrder = state.chance.next(2) == 0  // a journal; else any that do not depend on a lost one
        let share = state.chance.next(5)
        for i in state.pending.indices {
            let names = Set(state.pending[i].names.map(\.at))
            let follows = state.pending.indices.prefix(i).allSatisfy { j in
                kept.contains(j) || !inOrder && names.isDisjoint(with: state.pending[j].names.map(\.at))
            }
            if follows && state.chance.next(4) < share { kept.insert(i) }
        }
        for i in kept.sorted() { apply(state.pending[i], &state) }
        state.pending = []
        for id in state.nodes.keys.sorted() {
            guard var node = state.nodes[id] else { continue }
            node.entries = node.syncedEntries
            if !node.isDirectory && (node.isLost || node.bytes != node.synced) {
                switch state.chance.next(4) {
                case 0: node.bytes = node.synced
                case 1: node.bytes = Array(node.bytes.prefix(state.chance.next(node.bytes.count + 1)))
                case 2: node.bytes = node.bytes.map { _ in 0 }
                default: break  // written back early, by luck
                }
            }
            (node.synced, node.isLost) = (node.bytes, false)
            state.nodes[id] = node
        }
    }

    private static func apply(_ change: Change, _ state: inout State) {
        for (at, node) in change.names { state.nodes[at.folder]?.syncedEntries[at.name] = node }
    }

    /// All files as a reader sees them, by path.
    var files: [String: [UInt8]] {
        state.withLock { state in
            var found: [String: [UInt8]] = [:]
            func walk(_ id: Int, _ path: String) {
                for (name, child) in state.nodes[id]?.entries ?? [:] {
                    guard let node = state.nodes[child] else { continue }
                    if node.isDirectory {
                        walk(child, "\(path)/\(name)")
                    } else {
                        found["\(path)/\(name)"] = node.bytes
                    }
                }
            }
            walk(0, "")
            return found
        }
    }

    /// Names in a folder, sorted.
    func names(_ path: String) -> [String] {
        state.withLock { state in
            Self.node(path, state).flatMap { state.nodes[$0]?.entries.keys.sorted() } ?? []
        }
    }

    // MARK: - Finding

    private static func node(_ path: String, _ state: State) -> Int? {
        var id = 0
        for word in path.split(separator: "/") {
            guard let next = state.nodes[id]?.entries[String(word)] else { return nil }
            id = next
        }
        return id
    }

    private func name(_ path: String, _ state: State, _ call: SystemCall) throws(FileError) -> Name {
        guard let folder = Self.node(parent(path), state), state.nodes[folder]?.isDirectory == true else {
            throw FileError(call, path, .noSuchFileOrDirectory)
        }
        return Name(folder: folder, name: lastComponent(path))
    }

    private func device(_ path: String) -> String {
        let top = path.split(separator: "/").first.map(String.init) ?? ""
        return devices.contains(top) ? top : ""
    }

    // MARK: - Faults

    private func look(_ call: SystemCall, _ path: String, _ state: inout State) throws(FileError) {
        if state.isDead { throw FileError(call, path, .ioError) }
        if case .blindness(let at, let count, let number) = state.fault, state.calls >= at {
            state.looks += 1
            if state.looks <= count { throw FileError(call, path, number) }
        }
    }

    /// Makes a change, or lets the current fault act on it.
    private func change<R>(
        _ call: SystemCall, _ path: String, failing: (inout State, Errno) -> Void = { _, _ in },
        _ body: (inout State) throws(FileError) -> R
    ) throws(FileError) -> R {
        try state.withLock { (state) throws(FileError) -> R in
            if state.isDead { throw FileError(call, path, .ioError) }
            state.calls += 1
            switch state.fault {
            case .none: break
            case .death(let at, let after) where at == state.calls:
                if after { _ = try? body(&state) }
                state.isDead = true
                throw FileError(call, path, .ioError)
            case .errors(let at, let count, let number) where (at..<at + count).contains(state.calls):
                failing(&state, number)
                throw FileError(call, path, number)
            default: break
            }
            return try body(&state)
        }
    }

    private func set(_ changes: [(at: Name, node: Int?)], _ state: inout State) {
        for (at, node) in changes { state.nodes[at.folder]?.entries[at.name] = node }
        state.pending.append(Change(names: changes))
    }

    private func insert(_ node: Node, _ at: Name, _ state: inout State) -> Int {
        let id = state.next
        state.next += 1
        state.nodes[id] = node
        set([(at, id)], &state)
        return id
    }

    private func descriptor(_ node: Int, _ state: inout State) -> Int32 {
        let number = (state.open.keys.max() ?? 2) + 1
        state.open[number] = node
        return number
    }

    // MARK: - Calls

    func read(_ path: String) throws(FileError) -> [UInt8] {
        try state.withLock { (state) throws(FileError) in
            try look(.open, path, &state)
            guard let id = Self.node(path, state), let node = state.nodes[id] else {
                throw FileError(.open, path, .noSuchFileOrDirectory)
            }
            guard !node.isDirectory else { throw FileError(.read, path, .isDirectory) }
            return node.bytes
        }
    }

    func list(_ path: String) throws(FileError) -> [FileEntry] {
        try state.withLock { (state) throws(FileError) in
            try look(.opendir, path, &state)
            guard let id = Self.node(path, state), let node = state.nodes[id] else {
                throw FileError(.opendir, path, .noSuchFileOrDirectory)
            }
            let entries = node.entries.sorted { $0.key < $1.key }.map {
                FileEntry(name: $0.key, kind: state.nodes[$0.value]?.isDirectory == true ? .directory : .file)
            }
            return entries
        }
    }

    func status(_ path: String) throws(FileError) -> FileStatus? {
        try state.withLock { (state) throws(FileError) -> FileStatus? in
            try look(.lstat, path, &state)
            guard let id = Self.node(path, state), let node = state.nodes[id] else { return nil }
            return FileStatus(
                kind: node.isDirectory ? .directory : .file, size: node.bytes.count, modified: 0, changed: 0,
                device: UInt64(device(path).utf8.count), inode: UInt64(id), links: 1)
        }
    }

    func isDirectory(_ path: String) -> Bool {
        state.withLock { state in Self.node(path, state).flatMap { state.nodes[$0]?.isDirectory } ?? false }
    }

    func isBeingWritten(_ path: String) -> Bool? { false }

    func openToWrite(_ path: String, mode: Int, exclusive: Bool) throws(FileError) -> Int32 {
        try change(.open, path) { (state) throws(FileError) in
            let at = try name(path, state, .open)
            if let id = state.nodes[at.folder]?.entries[at.name] {
                guard !exclusive else { throw FileError(.open, path, .fileExists) }
                state.nodes[id]?.bytes = []
                return descriptor(id, &state)
            }
            return descriptor(insert(Node(), at, &state), &state)
        }
    }

    func openToAppend(_ path: String, mode: Int) throws(FileError) -> Int32 {
        try change(.open, path) { (state) throws(FileError) in
            let at = try name(path, state, .open)
            return descriptor(state.nodes[at.folder]?.entries[at.name] ?? insert(Node(), at, &state), &state)
        }
    }

    func read(_ path: String, from offset: Int, count: Int) throws(FileError) -> [UInt8] {
        Array(try read(path).dropFirst(offset).prefix(count))
    }

    func openDirectory(_ path: String) throws(FileError) -> Int32 {
        try state.withLock { (state) throws(FileError) in
            try look(.open, path, &state)
            guard let id = Self.node(path, state) else {
                throw FileError(.open, path, .noSuchFileOrDirectory)
            }
            return descriptor(id, &state)
        }
    }

    func write(_ file: Int32, _ bytes: ArraySlice<UInt8>, _ path: String) throws(FileError) -> Int {
        func take(_ count: Int, _ state: inout State) {
            if let id = state.open[file] { state.nodes[id]?.bytes += bytes.prefix(count) }
        }
        // A failed write may have written a part, but not an interrupted one.
        func fail(_ state: inout State, _ number: Errno) {
            if number != .interrupted { take(state.chance.next(bytes.count + 1), &state) }
        }
        return try change(.write, path, failing: fail) {
            (state) throws(FileError) in
            let count = state.chance.next(4) == 0 ? 1 + state.chance.next(bytes.count) : bytes.count
            take(count, &state)
            return count
        }
    }

    func setMode(_ file: Int32, _ mode: Int, _ path: String) throws(FileError) {
        try change(.fchmod, path) { (_) throws(FileError) in }
    }

    func setMode(_ path: String, _ mode: Int) throws(FileError) {
        try change(.chmod, path) { (state) throws(FileError) in _ = try name(path, state, .chmod) }
    }

    func sync(_ file: Int32, _ path: String) throws(FileError) {
        func lose(_ state: inout State, _ number: Errno) {
            guard let id = state.open[file], state.nodes[id]?.isDirectory == false else { return }
            state.nodes[id]?.isLost = true
        }
        try change(.fsync, path, failing: lose) { (state) throws(FileError) in
            guard let id = state.open[file], let node = state.nodes[id] else { return }
            guard node.isDirectory else {
                if !node.isLost { state.nodes[id]?.synced = node.bytes }
                return
            }
            // The changes in this folder, and earlier ones of the same names.
            var names: Set<Name> = []
            var durable: Set<Int> = []
            for i in state.pending.indices.reversed() {
                let own = state.pending[i].names.map(\.at)
                if own.contains(where: { $0.folder == id || names.contains($0) }) {
                    durable.insert(i)
                    names.formUnion(own)
                }
            }
            for i in durable.sorted() { Self.apply(state.pending[i], &state) }
            state.pending = state.pending.indices.filter { !durable.contains($0) }.map { state.pending[$0] }
        }
    }

    func close(_ file: Int32) { state.withLock { $0.open[file] = nil } }

    func makeDirectory(_ path: String) throws(FileError) {
        try change(.mkdir, path) { (state) throws(FileError) in
            let at = try name(path, state, .mkdir)
            guard state.nodes[at.folder]?.entries[at.name] == nil else {
                throw FileError(.mkdir, path, .fileExists)
            }
            _ = insert(Node(isDirectory: true), at, &state)
        }
    }

    func removeDirectory(_ path: String) throws(FileError) {
        try change(.rmdir, path) { (state) throws(FileError) in
            let at = try name(path, state, .rmdir)
            guard let id = state.nodes[at.folder]?.entries[at.name] else {
                throw FileError(.rmdir, path, .noSuchFileOrDirectory)
            }
            guard state.nodes[id]?.entries.isEmpty == true else {
                throw FileError(.rmdir, path, .directoryNotEmpty)
            }
            set([(at, nil)], &state)
        }
    }

    func unlink(_ path: String) throws(FileError) {
        try change(.unlink, path) { (state) throws(FileError) in
            let at = try name(path, state, .unlink)
            guard let id = state.nodes[at.folder]?.entries[at.name] else {
                throw FileError(.unlink, path, .noSuchFileOrDirectory)
            }
            guard state.nodes[id]?.isDirectory == false else { throw FileError(.unlink, path, .isDirectory) }
            set([(at, nil)], &state)
        }
    }

    func link(_ from: String, to: String) throws(FileError) {
        guard device(from) == device(to) else { throw FileError(.link, to, .improperLink) }
        try change(.link, to) { (state) throws(FileError) in
            guard let id = Self.node(from, state) else { throw FileError(.link, to, .noSuchFileOrDirectory) }
            let at = try name(to, state, .link)
            guard state.nodes[at.folder]?.entries[at.name] == nil else {
                throw FileError(.link, to, .fileExists)
            }
            set([(at, id)], &state)
        }
    }

    func rename(_ from: String, to: String, replacing: Bool) throws(FileError) {
        guard device(from) == device(to) else { throw FileError(.rename, to, .improperLink) }
        try change(.rename, to) { (state) throws(FileError) in
            let (old, new) = (try name(from, state, .rename), try name(to, state, .rename))
            guard let id = state.nodes[old.folder]?.entries[old.name] else {
                throw FileError(.rename, to, .noSuchFileOrDirectory)
            }
            guard replacing || state.nodes[new.folder]?.entries[new.name] == nil else {
                throw FileError(.rename, to, .fileExists)
            }
            set([(old, nil), (new, id)], &state)
        }
    }
}

/// Chance from a seed.
struct Chance: Sendable {
    private var generator: SplitMix

    init(_ seed: UInt64) { generator = SplitMix(state: seed) }

    /// A number in 0..<bound.
    mutating func next(_ bound: Int) -> Int { Int(generator.next() % UInt64(max(1, bound))) }
}
