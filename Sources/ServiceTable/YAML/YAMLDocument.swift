/// The tree of one file, built event by event within limits that are checked at each.
struct YAMLDocument {
    /// Lists and mappings inside each other.
    static let mostDepth = 32
    /// Values of a file, each alias counted as all that it stands for.
    static let mostNodes = 250_000

    /// Nil when the file is empty or could not be read to its end.
    private(set) var root: YAMLNode?
    private(set) var faults: [Fault] = []

    struct Fault {
        var place: YAMLPlace
        var key: String
        var message: String
    }

    init(_ bytes: [UInt8], file: Int) {
        self.file = file
        do {
            let text = try YAMLText.checked(bytes)
            read(text)
        } catch {
            report(error.message, at: YAMLPlace(file: file, line: error.line, column: error.column), key: "")
        }
    }

    private let file: Int
    private var open: [Frame] = []
    private var anchors: [String: Anchored] = [:]
    private var nodes = 0
    private var documents = 0

    /// A list or mapping that has not ended.
    private struct Frame {
        var place: YAMLPlace
        var isMapping: Bool
        var anchor: String?
        var list: [YAMLNode] = []
        var pairs: [YAMLPair] = []
        /// The key whose value comes next; `skip` when it was no good.
        var key: (name: String, place: YAMLPlace)?
        var skip = false
        /// Values inside, and levels of lists and mappings inside.
        var size = 1
        var height = 1
        var broken = false
        /// Of the first pairs, when there are many.
        private var lines: [String: Int] = [:]

        /// So few that looking through them takes less than a hash does.
        private static let few = 12

        init(place: YAMLPlace, isMapping: Bool, anchor: String?) {
            self.place = place
            self.isMapping = isMapping
            self.anchor = anchor
        }

        /// Where a key stands already.
        mutating func line(of name: String) -> Int? {
            guard pairs.count > Self.few else { return pairs.first { $0.key == name }?.place.line }
            for pair in pairs[lines.count...] { lines[pair.key] = pair.place.line }
            return lines[name]
        }
    }

    private struct Anchored {
        var node: YAMLNode
        var size: Int
        var height: Int
    }

    private mutating func read(_ text: [UInt8]) {
        var stopped = false
        do {
            try YAMLEvent.parse(text) { event in
                stopped = !take(event)
                return !stopped
            }
        } catch {
            let place = YAMLPlace(file: file, line: error.line, column: error.column)
            report("not YAML: \(error.message)", at: place, key: "")
            stopped = true
        }
        if stopped, documents < 2 { root = nil }
        if root == nil, faults.isEmpty {
            report(
                "the file is empty; a table needs `services`", at: YAMLPlace(file: file, line: 1, column: 1), key: "")
        }
    }

    /// False to stop.
    private mutating func take(_ event: YAMLEvent) -> Bool {
        // One more than is shown, so that it is known that there were more.
        guard faults.count <= Reading.mostFaults else { return false }
        let place = YAMLPlace(file: file, line: event.line, column: event.column)
        if event.hasTag { report("tags are not taken", at: place) }
        if let anchor = event.anchor { anchors[anchor] = nil }
        switch event.kind {
        case .documentStart:
            documents += 1
            guard documents > 1 else { return true }
            report("a second document; a table is one", at: place)
            return false
        case .scalar(let text, let plain):
            return scalar(text, plain: plain, at: place, event: event)
        case .alias(let name):
            return alias(name, at: place)
        case .listStart, .mappingStart:
            guard open.count < Self.mostDepth else { return stop("more than \(Self.mostDepth) levels deep", at: place) }
            let isMapping = if case .mappingStart = event.kind { true } else { false }
            var frame = Frame(place: place, isMapping: isMapping, anchor: event.anchor)
            frame.broken = event.hasTag
            open.append(frame)
            return true
        case .end:
            guard let frame = open.popLast() else { return true }
            let content: YAMLNode.Content =
                frame.broken ? .broken : frame.isMapping ? .mapping(frame.pairs) : .list(frame.list)
            return add(
                Anchored(node: YAMLNode(place: frame.place, content: content), size: frame.size, height: frame.height),
                anchor: frame.anchor)
        }
    }

    private mutating func scalar(_ text: String, plain: Bool, at place: YAMLPlace, event: YAMLEvent) -> Bool {
        var content = YAMLNode.Content.scalar(text, plain: plain)
        if text.utf8.contains(0) {
            report("a NUL character", at: place)
            content = .broken
        } else if plain, Self.isNull(text), !takesNull(text) {
            if open.isEmpty { return stop("the file is empty; a table needs `services`", at: place) }
            if !expectsKey { report("an empty value; give one, or leave the key out", at: place) }
            content = expectsKey ? content : .broken
        } else if event.hasTag {
            content = .broken
        }
        return add(Anchored(node: YAMLNode(place: place, content: content), size: 1, height: 0), anchor: event.anchor)
    }

    /// YAML's empty value, as a plain scalar spells it.
    private static func isNull(_ text: String) -> Bool {
        text.utf8.count <= 4 && ["", "~", "null", "Null", "NULL"].contains(text)
    }

    /// The one key whose values have the word `null`: a handler's standard error may go nowhere.
    private func takesNull(_ text: String) -> Bool {
        guard let frame = open.last, frame.isMapping else { return false }
        return text == "null" && frame.key?.name == "stderr"
    }

    private mutating func alias(_ name: String, at place: YAMLPlace) -> Bool {
        if let anchored = anchors[name] { return add(anchored, anchor: nil) }
        let inside = open.contains { $0.anchor == name }
        report(
            inside ? "*\(name.quotable) stands inside what it names" : "no anchor &\(name.quotable) before this",
            at: place)
        return add(Anchored(node: YAMLNode(place: place, content: .broken), size: 1, height: 0), anchor: nil)
    }

    /// Puts a whole value where it belongs: the root, a list, a key or a key's value.
    private mutating func add(_ value: Anchored, anchor: String?) -> Bool {
        if let anchor { anchors[anchor] = value }
        guard open.count + value.height <= Self.mostDepth else {
            return stop("more than \(Self.mostDepth) levels deep with its aliases", at: value.node.place)
        }
        nodes += 1
        let last = open.count - 1
        guard last >= 0 else {
            root = value.node
            return true
        }
        open[last].size += value.size
        open[last].height = max(open[last].height, value.height + 1)
        guard open[last].size <= Self.mostNodes, nodes <= Self.mostNodes else {
            let message = "more than \(Self.mostNodes) values, aliases counted as what they stand for"
            return stop(message, at: open[last].place)
        }
        if !open[last].isMapping {
            open[last].list.append(value.node)
        } else if let key = open[last].key {
            if !open[last].skip {
                open[last].pairs.append(YAMLPair(key: key.name, place: key.place, value: value.node))
            }
            open[last].key = nil
        } else {
            take(key: value.node, of: last)
        }
        return true
    }

    private mutating func take(key node: YAMLNode, of last: Int) {
        open[last].key = (node.text ?? "", node.place)
        open[last].skip = true
        guard case .scalar(let name, let plain) = node.content else {
            if !node.isBroken { report("a key must be a plain word, not \(node.form)", at: node.place) }
            return
        }
        if plain, name == "<<" {
            report("merge keys are not taken; use `defaults`, or an alias of a whole value", at: node.place)
        } else if let line = open[last].line(of: name) {
            report("duplicate key; it stands in line \(line) already", at: node.place)
        } else {
            open[last].skip = false
        }
    }

    /// The next event is a key of the innermost mapping.
    private var expectsKey: Bool {
        open.last.map { $0.isMapping && $0.key == nil } ?? false
    }

    private mutating func stop(_ message: String, at place: YAMLPlace) -> Bool {
        report(message, at: place)
        return false
    }

    private mutating func report(_ message: String, at place: YAMLPlace, key: String? = nil) {
        let path = open.compactMap { $0.key?.name.quotable }.filter { !$0.isEmpty }.joined(separator: ".")
        faults.append(Fault(place: place, key: key ?? path, message: message))
    }
}
