package at

// maxMessage bounds status.message, in bytes. It is also the most that the
// kubelet keeps of a termination message.
const maxMessage = 4096
