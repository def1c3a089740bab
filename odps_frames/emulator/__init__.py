"""The service, embedded: it speaks the wire of this package and knows nothing of its client."""
