"""A stand-in for Modal's service: a real gRPC server on the definitions in Modal's own wheel, for tests.

What it runs are real processes of this machine; what it keeps are files of a folder that goes when it ends. It follows
what Modal's client sends and expects (version 1.6), and refuses everything else, so that a test notices what it sends
by mistake. What Modal's own machines, images and networks do it cannot show.
"""

from modal_service.service import ModalService, modal_service

__all__ = ["ModalService", "modal_service"]
