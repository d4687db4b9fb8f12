"""The properties of `http.Request`."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import Field

from penstock.tasks.base import Properties
from penstock.tasks.markers import OLD, Duration, Dynamic, Scalars, Text, told


class Method(StrEnum):
    GET = "GET"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"
    HEAD = "HEAD"
    OPTIONS = "OPTIONS"
    TRACE = "TRACE"
    CONNECT = "CONNECT"


class Timeout(Properties):
    """How long to wait for the other side."""

    connect_timeout: Dynamic[Duration | None] = Field(None, description="For the connection; 10 seconds by default")
    read_idle_timeout: Dynamic[Duration | None] = Field(None, description="For the next piece of the answer")


class AuthType(StrEnum):
    BASIC = "BASIC"
    BEARER = "BEARER"


class Auth(Properties):
    """Who asks."""

    type: AuthType = Field(description="How: by name and password, or by a token")
    username: Dynamic[Text | None] = Field(None, description="Name, for BASIC")
    password: Dynamic[Text | None] = Field(None, description="Password, for BASIC")
    token: Dynamic[Text | None] = Field(None, description="Token, for BEARER")


class Proxy(Properties):
    """The proxy between."""

    type: Dynamic[str | None] = Field(None, description="HTTP, SOCKS or DIRECT")
    address: Dynamic[str | None] = Field(None, description="Its address")
    port: Dynamic[int | None] = Field(None, description="Its port")
    username: Dynamic[str | None] = Field(None, description="Name for it")
    password: Dynamic[str | None] = Field(None, description="Password for it")


class Ssl(Properties):
    """How the other side's certificate is judged."""

    insecure_trust_all_certificates: Dynamic[bool | None] = Field(None, description="Accept any certificate")


class Options(Properties):
    """How the request is sent. Both the spellings up to 0.21 and those from 0.22 on are read."""

    timeout: Timeout | None = Field(None, description="How long to wait", json_schema_extra=told(since="0.22"))
    connect_timeout: Dynamic[Duration | None] = Field(
        None, description="Older spelling of `timeout.connectTimeout`", json_schema_extra=OLD
    )
    read_timeout: Dynamic[Duration | None] = Field(
        None, description="How long to wait for the answer", json_schema_extra=OLD
    )
    read_idle_timeout: Dynamic[Duration | None] = Field(
        None, description="Older spelling of `timeout.readIdleTimeout`", json_schema_extra=OLD
    )
    connection_pool_idle_timeout: Dynamic[Duration | None] = Field(
        None,
        description="How long an unused connection is kept; connections are pooled by Penstock",
        json_schema_extra=told(until="2.0", old=True),
    )
    max_content_length: Dynamic[int | None] = Field(None, ge=1, description="Longest answer in bytes; 10 MB by default")
    auth: Auth | None = Field(None, description="Who asks", json_schema_extra=told(since="0.22"))
    basic_auth_user: Dynamic[Text | None] = Field(
        None, description="Older spelling of `auth`", json_schema_extra=told(until="2.0", old=True)
    )
    basic_auth_password: Dynamic[Text | None] = Field(
        None, description="Older spelling of `auth`", json_schema_extra=told(until="2.0", old=True)
    )
    proxy: Proxy | None = Field(None, description="The proxy between", json_schema_extra=told(since="0.22"))
    proxy_type: Dynamic[str | None] = Field(None, description="Older spelling of `proxy.type`", json_schema_extra=OLD)
    proxy_address: Dynamic[str | None] = Field(
        None, description="Older spelling of `proxy.address`", json_schema_extra=OLD
    )
    proxy_port: Dynamic[int | None] = Field(None, description="Older spelling of `proxy.port`", json_schema_extra=OLD)
    proxy_username: Dynamic[str | None] = Field(
        None, description="Older spelling of `proxy.username`", json_schema_extra=OLD
    )
    proxy_password: Dynamic[str | None] = Field(
        None, description="Older spelling of `proxy.password`", json_schema_extra=OLD
    )
    ssl: Ssl | None = Field(None, description="How certificates are judged", json_schema_extra=told(since="0.22"))
    follow_redirects: Dynamic[bool] = Field(True, description="Go where the answer says to go")
    allow_failed: Dynamic[bool] = Field(False, description="A status of 400 and above does not fail the task")
    allowed_response_codes: Dynamic[list[int] | None] = Field(None, description="Statuses that do not fail the task")
    default_charset: Dynamic[str | None] = Field(None, description="How text is encoded when the answer does not say")
    log_level: str | None = Field(
        None, description="How much is logged; Penstock logs nothing of it", json_schema_extra=OLD
    )
    logs: list[str] | None = Field(None, description="What is logged; Penstock logs nothing of it")


class RequestProperties(Properties):
    """Sends one HTTP request, and gives back status, headers and body. A status of 400 and above fails the task."""

    uri: Dynamic[str] = Field(min_length=1, description="Where to send it")
    method: Dynamic[Method] = Field(Method.GET, description="The method")
    body: Dynamic[Text | dict[str, Any] | list[Any] | None] = Field(
        None, description="What to send; a mapping or a list is sent as JSON"
    )
    form_data: Dynamic[dict[str, Any] | None] = Field(
        None, description="Fields of a form; with `contentType: multipart/form-data` files too, by URI"
    )
    content_type: Dynamic[str | None] = Field(None, description="The media type of the body")
    headers: Dynamic[Scalars | None] = Field(None, description="More headers")
    params: Dynamic[Scalars | None] = Field(
        None, description="What is added to the query", json_schema_extra=told(since="1.0")
    )
    options: Dynamic[Options | None] = Field(None, description="How it is sent")
    ssl_options: Dynamic[Ssl | None] = Field(None, description="Older spelling of `options.ssl`", json_schema_extra=OLD)
    allow_failed: Dynamic[bool] = Field(False, description="A status of 400 and above does not fail the task")
    encrypt_body: Dynamic[bool] = Field(False, description="Keep the body of the answer encrypted")


class DownloadProperties(RequestProperties):
    """Downloads a file over HTTP, and keeps it. A status of 400 and above fails the task."""

    fail_on_empty_response: Dynamic[bool] = Field(True, description="An empty file fails the task")
    save_as: Dynamic[str | None] = Field(
        None,
        description="What the file is called; by default as the answer says, or as the URL ends",
        json_schema_extra=told(since="1.0"),
    )
