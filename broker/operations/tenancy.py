"""The tenant check that every operation begins with (clauses 4.14, 5.5.10)."""

from broker.core.model.errors import NonexistentTenant
from broker.operations.ports import Ports


async def require_tenant(ports: Ports, tenant: str) -> None:
    """Let only tenants pass that exist; the default one always does.

    Raises:
        NonexistentTenant: nothing was ever created under that name.
    """
    if tenant and not await ports.tenants.exists(tenant):
        raise NonexistentTenant(f"There is no tenant {tenant}. Creating something in it brings it into being.")
