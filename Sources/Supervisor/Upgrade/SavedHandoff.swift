internal import ServiceTable

/// The queue and the handlers of a service.
struct SavedHandoff: Saved {
    var queue: [SavedBaton] = []
    var handlers: [SavedHandler] = []
    /// The handler whose turn it was last.
    var balance: UInt64 = 0
    var supply = SavedSupply()

    mutating func code(with coder: inout FieldCoder) {
        coder.array(&queue)
        coder.array(&handlers)
        coder.integer(&balance)
        coder.value(&supply)
    }
}

struct SavedSupply: Saved {
    var policy = RestartPolicy.Content()
    var pool = PoolPolicy.Content()
    var stage = Stage.open
    /// When it is over; nil where only a person ends it.
    var due: Duration?
    /// By number, in order.
    var members: [UInt64] = []
    var rolling: Rolling?

    /// `HandlerSupply.State`.
    enum Stage: CaseIterable {
        case open, waiting, failed, recovering
    }

    struct Rolling: Saved {
        var old: [UInt64] = []
        var replacements: [UInt64] = []

        mutating func code(with coder: inout FieldCoder) {
            coder.array(&old)
            coder.array(&replacements)
        }
    }

    mutating func code(with coder: inout FieldCoder) {
        coder.value(&policy)
        coder.value(&pool)
        coder.enumeration(&stage)
        coder.optional(&due)
        coder.array(&members)
        coder.optional(&rolling)
    }
}

// What policies know, apart from their settings.

extension RestartPolicy {
    struct Content: Saved {
        var failures: [Duration] = []
        var streak = 0

        mutating func code(with coder: inout FieldCoder) {
            coder.array(&failures)
            coder.integer(&streak)
        }
    }
}

extension PoolPolicy {
    struct Content: Saved {
        var wanted = 0
        var isAsleep = false
        var surplusSince: Duration?
        var spare: UInt64?

        mutating func code(with coder: inout FieldCoder) {
            coder.integer(&wanted)
            coder.flag(&isAsleep)
            coder.optional(&surplusSince)
            coder.optional(&spare)
        }
    }
}

extension TriggerPolicy {
    struct Content: Saved {
        var failures: [Duration] = []
        var pauses = 0

        mutating func code(with coder: inout FieldCoder) {
            coder.array(&failures)
            coder.integer(&pauses)
        }
    }
}
