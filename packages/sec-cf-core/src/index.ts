// Each mechanism is a sub-path of its own, such as `@oma/sec-cf-core/aka`; the root loads none of them.
export {}
